import { contradiction, isComplete, isEmpty } from "./answers.js";
import { clamp, CLASSES, ISSUES, MEANING, Z_MAX } from "./base.js";
import { $, button, D, element, keycap, N, on, pressed, rows, toast, unbanner } from "./document.js";
import { chooseCandidate, cycleBal, fitHere, go, nextUnlabelled, offered, recordZ, setClass, setQuality, step, templateNames, toggleIssue, undoLast } from "./actions.js";
import { showEnsemble } from "./ensemble.js";
import { confidence } from "./match.js";
import { frame } from "./plot.js";
import { drawScan } from "./scan.js";
import { answerOf, answers, arms, candidates, current, ensembleAllowed, ensembleVisible, keepSettings, left, sawEnsemble, schedule, session, settings, shownTemplate, TEMPLATES, view } from "./state.js";

// The header, the tools above the plot, its legend and the panel at the side.

const TOGGLES = [
  ["noise", "error", "D", "noise"], ["network", "network's pixels", "O", "network"], ["emission", "emission", "L", "emission"],
  ["absorption", "absorption", "A", "absorption"], ["sky", "sky", "K", ""], ["arms", "arms", "J", ""], ["full", "full range", "Y", ""],
];

export function toggle(name) {
  if (name === "emission" || name === "absorption") {
    settings[name] = (settings[name] + 1) % 3;
    toast(`${name} lines: ${["none", "main", "all"][settings[name]]}`);
  } else settings[name] = !settings[name];
  keepSettings();
}

export function toggleEnsemble() {
  if (!ensembleAllowed(view.index)) return toast(current().ensemble ? "Hidden until you have answered" : "No ensemble looked at this spectrum");
  settings.ensemble = !settings.ensemble;
  return keepSettings();
}

export function build() {
  $("title").textContent = $("title").title = D.title;
  $("part").textContent = D.part;
  buildStrip();
  for (const [spectype, key] of CLASSES) {
    const node = button(spectype, key, () => setClass(spectype));
    node.dataset.spectype = spectype;
    node.classList.add(spectype);
    $("classes").append(node);
  }
  for (const quality of [4, 3, 2, 1, 0]) {
    const node = button(String(quality), "", () => setQuality(quality), MEANING[quality]);
    node.dataset.quality = quality;
    node.setAttribute("aria-label", `quality ${MEANING[quality]}`);
    node.onmouseenter = () => { $("meaning").textContent = MEANING[quality]; };
    node.onmouseleave = showMeaning;
    $("qualities").append(node);
  }
  $("flags").append(button("BAL ?", "B", cycleBal, "Broad absorption: yes, no, not looked at"), element("span", { textContent: "bad" }));
  for (const [letter, label, title] of ISSUES) {
    const node = button(label, `⇧${letter}`, () => toggleIssue(letter), title);
    node.dataset.issue = letter;
    $("flags").append(node);
  }
  $("moves").append(
    button("back", "P", () => go(view.index - 1)), button("next", "N", () => go(view.index + 1)),
    button("next open", "space", nextUnlabelled), button("undo", "U", undoLast),
  );
  const steps = "step 0.001; with Shift 0.01, with Alt 0.0001";
  $("steps").append(
    button("−", "", (event) => step(-1, event), steps), button("+", "", (event) => step(1, event), steps),
    button("fit", "F", fitHere, "Move to the best fit of the template shown, near this redshift"), button("set", "R", recordZ, "Record this redshift"),
  );
  for (const [name, label, key, colour] of TOGGLES) {
    const node = button(label, "", () => toggle(name), `${label} (${key})`);
    if (colour) node.prepend(Object.assign(element("i", {}), { className: colour }));
    node.dataset.toggle = name;
    $("toggles").append(node);
  }
  for (const name of templateNames()) $("template").append(element("option", { value: name, textContent: name === "redrock" ? "redrock's model" : name }));
}

// One tab stop; arrows go from spectrum to spectrum.
function buildStrip() {
  D.spectra.forEach((record, index) => $("strip").append(button("", "", () => go(index))));
  $("strip").addEventListener("keydown", (event) => {
    const to = { ArrowLeft: view.index - 1, ArrowRight: view.index + 1, Home: 0, End: N - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    go(clamp(to, 0, N - 1));
    $("strip").children[view.index].focus();
  });
}

function showMeaning() {
  const { quality } = answerOf(view.index);
  $("meaning").textContent = quality >= 0 ? MEANING[quality] : "quality: 4 confident … 0 nothing there";
}

const summary = (a) => (isEmpty(a) ? "open" : [isComplete(a) ? "" : "incomplete", a.spectype, a.z === null ? "" : `z ${a.z.toFixed(4)}`, a.quality < 0 ? "" : `quality ${a.quality}`].filter(Boolean).join(" "));

export function show() {
  const record = current(), a = answerOf(view.index);
  if (ensembleVisible(view.index)) sawEnsemble(record.targetid);
  showHeader();
  showAnswer(a);
  showRedshift(a);
  $("smooth").value = settings.smooth;
  $("smooth-value").textContent = settings.smooth ? `${settings.smooth} px` : "off";
  for (const node of $("toggles").children) pressed(node, settings[node.dataset.toggle]);
  $("template").value = settings.template;
  showCandidates();
  showObject(record);
  showEnsemble(record);
  showEarlier(record);
  schedule();
}

function showHeader() {
  [...$("strip").children].forEach((node, index) => {
    const b = answerOf(index), done = isComplete(b), here = index === view.index;
    node.className = (done ? b.spectype || "none" : isEmpty(b) ? "" : "started") + (done && b.quality < 3 ? " low" : "") + (here ? " here" : "");
    node.tabIndex = here ? 0 : -1;
    node.title = `${index + 1}: ${D.spectra[index].targetid}, ${summary(b)}`;
    node.setAttribute("aria-label", `${index + 1}, ${summary(b)}`);
    if (here) node.setAttribute("aria-current", "true"); else node.removeAttribute("aria-current");
  });
  // The marks of many spectra are wider than the window.
  $("strip").scrollLeft = $("strip").children[view.index].offsetLeft - $("strip").clientWidth / 2;
  const n = left();
  if (n) unbanner("done");
  const { opinion } = view;
  if (opinion && ["spectype", "z", "quality"].some((name) => answerOf(opinion.index)[name] !== opinion.answer[name])) unbanner("opinion");
  $("left").textContent = `${view.index + 1} / ${N} · ${n ? `${n} left` : "all done"}`;
  $("inspector").textContent = session.inspector || "Your name?";
  on($("download"), JSON.stringify(answers) !== session.downloaded && Object.keys(answers).length, "fresh");
}

function showAnswer(a) {
  const taken = a.spectype ? "" : offered();
  for (const node of $("classes").children) {
    pressed(node, node.dataset.spectype === a.spectype);
    on(node, taken === node.dataset.spectype, "default");
  }
  for (const node of $("qualities").children) pressed(node, Number(node.dataset.quality) === a.quality);
  const [bal, , ...issues] = $("flags").children;
  bal.firstChild.textContent = `BAL ${a.bal === null ? "?" : a.bal ? "yes" : "no"}`;
  pressed(bal, a.bal !== null);
  for (const node of issues) pressed(node, a.issue.includes(node.dataset.issue));
  if (document.activeElement !== $("comment")) $("comment").value = a.comment;
  showMeaning();
  const moved = a.z !== null && Math.abs(a.z - view.z) > 5e-5;
  const contradicts = a.quality >= 0 && contradiction(a.spectype, a.z);
  let text = a.z === null ? "no redshift recorded yet" : `recorded z = ${a.z.toFixed(4)}`;
  if (a.quality >= 2 && !a.spectype) text = "incomplete, counts as not answered: which class? Q, G or S";
  else if (contradicts) text = `incomplete, counts as not answered: ${contradicts}`;
  else if (moved) text += `; R records ${view.z.toFixed(4)}`;
  $("recorded").textContent = text;
  on($("recorded"), moved || (a.quality >= 0 && !isComplete(a)), "warn");
}

function showRedshift() {
  if (document.activeElement !== $("z")) $("z").value = view.z.toFixed(4);
  $("z-slider").value = 1000 * (Math.log(1 + Math.max(0, view.z)) / Math.log(1 + Z_MAX));
  $("z-slider").setAttribute("aria-valuetext", `z ${view.z.toFixed(4)}`);
}

// A word for every mark on the plot.
export function showLegend() {
  const { s, model, modelName } = frame, t = shownTemplate(), item = (swatch, text) => element("span", {}, Object.assign(element("i", {}), { className: swatch }), text);
  let template = null;
  if (model) template = t && modelName === t.name ? `${t.name} (this project's model), fitted` : modelName;
  else if (t) template = `${t.name}: no fit at this redshift`;
  else if (settings.template === "redrock") template = current().model ? "redrock's model is shown at redrock's redshift" : "redrock's model is not at hand";
  const apart = settings.arms ? arms(view.index) : [];
  $("legend").replaceChildren(...[
    ...apart.map(({ arm }) => item(`arm-${arm.toLowerCase()}`, `${arm} arm`)),
    apart.length ? null : item("flux", s.full ? settings.smooth ? "flux, smoothed (shadow: as observed)" : "flux" : "network's pixels"),
    settings.noise && s.full ? item("noise", "error (1σ)") : null,
    settings.network && s.full ? item("network", "network's pixels") : null,
    template ? item(model ? "template" : "none", template) : null,
    settings.emission ? item("emission", "emission lines") : null,
    settings.absorption ? item("absorption", "absorption lines") : null,
    view.absorber === null ? null : item("absorber", `absorption at z ${view.absorber.toFixed(4)}`),
    settings.sky ? item("sky", "bright sky lines") : null,
    settings.sky ? item("telluric", "⊕ absorption by the atmosphere") : null,
    item("dropped", "no data"),
  ].filter(Boolean));
}

function showCandidates() {
  const list = candidates(view.index), focused = [...$("candidates").querySelectorAll("button")].indexOf(document.activeElement);
  $("candidates").replaceChildren(element("h2", {}, "candidates ", element("span", {}, keycap("C"), " ", keycap("V"))));
  if (!list.length) $("candidates").append(element("p", { className: "hidden-note", textContent: TEMPLATES.length ? "no template fits" : "none; mark a feature (M or click)" }));
  list.forEach((c, at) => {
    const note = c.source === "template" ? fitNote(list, c) : { short: c.note || "", words: "" };
    const label = c.source === "template" ? c.name : c.source.startsWith("redrock") ? `${c.source} ${c.spectype}` : c.source;
    const node = button("", "", () => chooseCandidate(at), note.words);
    node.append(element("i", {}), element("span", { textContent: label }), element("b", { textContent: c.z.toFixed(4) }), element("small", { textContent: note.short }));
    if (c.spectype) node.classList.add(c.spectype);
    pressed(node, at === view.candidate);
    $("candidates").append(node);
    if (at === focused) node.focus();
  });
  if (!TEMPLATES.length) return;
  const scan = element("canvas", { id: "scan", title: "χ² of the best template of each class against redshift, best on top: click a peak" });
  $("candidates").append(scan);
  requestAnimationFrame(() => drawScan(scan));
}

function fitNote(list, c) {
  const others = list.filter((other) => other.source === "template" && other !== c);
  return confidence(c.behind, Math.min(...others.map((other) => other.behind)));
}

function showObject(record) {
  let place = null;
  if (record.ra !== null && record.dec !== null) {
    place = element("span", { textContent: `${record.ra.toFixed(4)} ${record.dec < 0 ? "−" : "+"}${Math.abs(record.dec).toFixed(4)} ` });
    place.append(element("a", { textContent: "Legacy", title: "Legacy Survey viewer", target: "_blank", rel: "noreferrer noopener", href: `https://www.legacysurvey.org/viewer?ra=${record.ra}&dec=${record.dec}&layer=ls-dr9&zoom=16&mark=${record.ra},${record.dec}` }));
  }
  const magnitudes = Object.entries(record.magnitudes).map(([band, m]) => `${band} ${m.toFixed(2)}`).join("  ");
  const where = [record.tileid !== null && `tile ${record.tileid}`, record.petal !== null && `petal ${record.petal}`, record.fiber !== null && `fibre ${record.fiber}`].filter(Boolean).join(", ");
  const missing = ["B", "R", "Z"].filter((_, bit) => !((record.arms >> bit) & 1));
  const redrock = record.redrock && [fitText(record.redrock), record.redrock.warnings ? `warning: ${record.redrock.warnings}` : record.redrock.zwarn ? `ZWARN ${record.redrock.zwarn}` : "no warning"].join("; ");
  const snr = Object.entries(record.snr_arms || {}).map(([arm, value]) => `${arm} ${value.toFixed(1)}`).join("  ");
  const image = record.cutout ? element("img", { id: "cutout", alt: "image of the target", src: `data:image/jpeg;base64,${record.cutout}` }) : "";
  $("object").replaceChildren(element("h2", { textContent: "object" }), image, rows([
    ["TARGETID", element("a", { href: `#${record.targetid}`, title: "Puts this spectrum into the address", textContent: record.targetid })],
    ["redrock", redrock || "no answer at hand"], ...(record.fits || []).slice(1).map((fit, k) => [`fit ${k + 2}`, fitText(fit)]), ["AB mag", magnitudes && `${magnitudes}, ${record.dereddened ? "dereddened" : "as observed"}`],
    ["S/N per Å", snr], ["S/N", snr || record.snr === null ? null : `${record.snr} per network pixel`],
    ["RA Dec", place], ["from", where], ["missing", missing.length ? `arm ${missing.join(", ")}` : null],
    ...Object.entries(record.details || {}),
  ]));
}

const fitText = (fit) => [`${[fit.spectype, fit.subtype].filter(Boolean).join(" ")} z = ${fit.z.toFixed(4)}${fit.zerr ? ` ± ${fit.zerr.toPrecision(1)}` : ""}`, fit.deltachi2 === undefined ? "" : `Δχ² ${fit.deltachi2.toFixed(0)} to the next`].filter(Boolean).join(", ");

function showEarlier(record) {
  $("earlier").hidden = !record.earlier;
  if (!record.earlier) return;
  const body = element("tbody", {});
  for (const a of record.earlier) {
    body.append(element("tr", {}, ...[a.inspector, a.spectype || "–", a.z === null ? "–" : a.z.toFixed(4), `q ${a.quality}`, a.bal < 0 ? "" : a.bal ? "BAL" : "no BAL", a.comment].map((text) => element("td", { textContent: text }))));
  }
  $("earlier").replaceChildren(element("h2", { textContent: "earlier answers" }),
    record.conflict ? element("p", { className: "conflict", textContent: `They differ in ${record.conflict}.` }) : "",
    element("table", { className: "answers" }, body));
}
