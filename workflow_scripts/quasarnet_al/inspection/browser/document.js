// The document: what it holds, small elements and what the page tells its reader. Everything
// that comes from a file reaches the document through textContent or a canvas, never as markup.

export const D = JSON.parse(document.getElementById("data").textContent);
export const N = D.spectra.length;
export const $ = (id) => document.getElementById(id);

export function element(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
export const keycap = (text) => element("kbd", { textContent: text });
export const on = (node, flag, name = "on") => node.classList.toggle(name, Boolean(flag));

// A button. The mouse gives the focus back to the page (main.js), a key on it keeps it there.
export function button(label, key, action, title) {
  const node = element("button", { title: title || "" }, label, key ? " " : null, key ? keycap(key) : null);
  node.type = "button";
  node.addEventListener("click", action);
  return node;
}
export function pressed(node, flag) {
  on(node, flag);
  node.setAttribute("aria-pressed", String(Boolean(flag)));
}

export function rows(pairs) {
  const list = element("dl", {});
  for (const [name, value] of pairs) if (value !== null && value !== undefined && value !== "") list.append(element("dt", { textContent: name }), element("dd", {}, value));
  return list;
}

export function banner(name, text, ...actions) {
  unbanner(name);
  const node = element("div", {}, element("span", { textContent: text }));
  node.dataset.name = name;
  for (const [label, action] of actions.length ? actions : [["OK", () => {}]]) {
    node.append(element("button", { type: "button", textContent: label, onclick: () => { node.remove(); action(); } }));
  }
  $("banners").append(node);
}
export function unbanner(name) {
  for (const old of $("banners").children) if (old.dataset.name === name) old.remove();
}

let toastTimer = 0;
export function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("show");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("show"), Math.max(2200, 45 * text.length));
}
