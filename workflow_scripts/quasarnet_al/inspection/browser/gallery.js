import { isComplete, isEmpty } from "./answers.js";
import { clamp, CLASSES, plural } from "./base.js";
import { ink, surface } from "./canvas.js";
import { $, button, D, element, N, on } from "./document.js";
import { go } from "./actions.js";
import { small } from "./spectra.js";
import { answerOf, view } from "./state.js";

// All spectra of the page at a glance, sorted and filtered by their answers.

const redshift = (index) => answerOf(index).z ?? D.spectra[index].redrock?.z ?? -1;
const signal = (index) => Math.max(D.spectra[index].snr ?? -1, ...Object.values(D.spectra[index].snr_arms || {}));
const differsFromRedrock = (index) => {
  const a = answerOf(index), { redrock } = D.spectra[index];
  return Boolean(redrock && a.quality >= 2 && (a.spectype !== redrock.spectype || Math.abs((a.z ?? redrock.z) - redrock.z) > 0.0033 * (1 + redrock.z)));
};
const ORDERS = {
  "order of the page": () => 0,
  "S/N": (i, k) => signal(k) - signal(i),
  redshift: (i, k) => redshift(i) - redshift(k),
  class: (i, k) => answerOf(i).spectype.localeCompare(answerOf(k).spectype),
  quality: (i, k) => answerOf(i).quality - answerOf(k).quality,
};
const FILTERS = {
  all: () => true,
  open: (i) => !isComplete(answerOf(i)),
  answered: (i) => isComplete(answerOf(i)),
  ...Object.fromEntries(CLASSES.map(([c]) => [c, (i) => answerOf(i).spectype === c])),
  "quality below 3": (i) => isComplete(answerOf(i)) && answerOf(i).quality < 3,
  "issue or comment": (i) => Boolean(answerOf(i).issue || answerOf(i).comment),
  "differs from redrock": differsFromRedrock,
};
const chosen = { order: "order of the page", filter: "all" };

export function openGallery() {
  const tools = element("div", { className: "row" }, choice("sort by", "order", ORDERS), choice("show", "filter", FILTERS), goTo(), element("span", { id: "counts" }));
  $("gallery").replaceChildren(element("h2", { textContent: `All ${N} spectra` }), tools, element("div", { className: "gallery" }));
  $("gallery").showModal();
  fill();
  $("gallery").querySelector(".gallery .on")?.focus();
}

function choice(label, name, options) {
  const select = element("select", { onchange: () => { chosen[name] = select.value; fill(); } });
  for (const option of Object.keys(options)) select.append(element("option", { value: option, textContent: option }));
  select.value = chosen[name];
  return element("label", {}, `${label} `, select);
}

// A number of the page or a TARGETID; Enter goes there.
function goTo() {
  const field = element("input", { type: "text", size: 18, placeholder: "number or TARGETID" });
  field.setAttribute("aria-label", "go to a number or TARGETID");
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const index = placeOf(field.value);
    if (index >= 0) leave(index);
    else $("counts").textContent = `"${field.value}" is not a number of this page, nor a TARGETID on it`;
  });
  return field;
}

export function placeOf(text) {
  const place = D.spectra.findIndex((record) => record.targetid === text.trim());
  return place >= 0 || !/^\d{1,4}$/.test(text.trim()) || Number(text) > N ? place : Number(text) - 1;
}

function leave(index) {
  $("gallery").close();
  go(index);
}

function fill() {
  const grid = $("gallery").querySelector(".gallery");
  const list = D.spectra.map((_, i) => i).filter(FILTERS[chosen.filter]).sort(ORDERS[chosen.order]);
  const done = D.spectra.map((_, i) => answerOf(i)).filter(isComplete);
  const counts = CLASSES.map(([c]) => `${done.filter((a) => a.spectype === c).length} ${c}`).join(", ");
  $("counts").textContent = `${plural(list.length, "spectrum").replace("spectrums", "spectra")} shown; ${done.length} of ${N} answered: ${counts}`;
  grid.replaceChildren(...list.map((index) => {
    const a = answerOf(index), flags = [a.bal ? "BAL" : "", a.issue, a.comment];
    const text = isEmpty(a) ? "–" : [a.spectype, a.z === null ? "" : a.z.toFixed(4), a.quality < 0 ? "" : `q${a.quality}`, ...flags].filter(Boolean).join(" ");
    const node = button("", "", () => leave(index), D.spectra[index].targetid);
    node.append(element("canvas", {}), element("b", { textContent: `${index + 1} ` }), element("span", { textContent: text, className: a.spectype }));
    on(node, index === view.index);
    return node;
  }));
  list.forEach((index, at) => thumbnail(grid.children[at].querySelector("canvas"), D.spectra[index]));
}

// Means of five of the network's pixels; nothing where one of them has no data.
function thumbnail(canvas, record) {
  const { g, width, height } = surface(canvas), values = small(record.pixels), means = [];
  for (const [from, to] of record.gaps) values.fill(NaN, from, to + 1);
  for (let i = 0; i + 5 <= values.length; i += 2) means.push(values.subarray(i, i + 5).reduce((a, b) => a + b) / 5);
  const sorted = means.filter((v) => v === v).sort((a, b) => a - b), low = sorted[2], high = sorted[sorted.length - 3];
  g.strokeStyle = ink.flux;
  g.lineWidth = 0.9;
  g.beginPath();
  means.forEach((v, i) => {
    const x = (i / (means.length - 1)) * width, y = height - 3 - (clamp((v - low) / (high - low || 1), -0.1, 1.1)) * (height - 8);
    if (v === v && means[i - 1] === means[i - 1]) g.lineTo(x, y);
    else if (v === v) g.moveTo(x, y);
  });
  g.stroke();
}
