import { clamp, MEANING } from "./base.js";
import { $, element, N, rows, toast } from "./document.js";
import { chooseCandidate, clearAnswer, closeLines, cycleBal, fitHere, forgetTyped, go, nextUnlabelled, recordZ, setClass, setQuality, step, templateNames, toggleAbsorber, toggleIssue, undoLast } from "./actions.js";
import { download } from "./files.js";
import { openGallery } from "./gallery.js";
import { nameOfKey } from "./layout.js";
import { markNext, moveMark, nameByKey } from "./mouse.js";
import { pan, resetView, zoom, zoomFlux } from "./plot.js";
import { toggle, toggleEnsemble } from "./side.js";
import { keepSettings, settings, view } from "./state.js";

// The keyboard: what each key does, on whatever layout, and the list of keys.

const HELP = [
  ["Answer", [["Q G S", "quasar, galaxy, star"], ["4 3 2 1 0", "quality; records class and redshift, then advances"], ["B", "BAL: yes, no, not looked at"], ["⇧R ⇧C ⇧S", "issue: bad redshift, class, spectrum"], ["/", "comment; Enter ends it"], ["R", "record the redshift shown"], ["U", "undo"], ["Delete", "clear this answer"]]],
  ["Redshift", [["C V", "next, previous candidate"], [", .", "step 0.001; with ⇧ 0.01, with Alt 0.0001"], ["F", "fit the template shown, near here"], ["M ⇧M", "mark the next emission, absorption feature; then 1 … 0 names its line"], ["⇧← ⇧→", "move the mark"], ["Z", "type it; Enter ends it"], ["⇧Z", "keep absorption lines of an absorber at this redshift"]]],
  ["Go", [["N P", "next, back"], ["Space", "next open one"], ["Home End", "first, last"], ["⇧A", "advance after a quality: on, off"]]],
  ["Look", [["← → ↑ ↓", "pan, zoom"], ["⇧↑ ⇧↓", "zoom the flux"], ["X", "whole spectrum"], ["W ⇧W", "smooth more, less"], ["D O L A K J Y", "error, network's pixels, emission, absorption, sky, arms apart, full range"], ["T ⇧T", "next, previous template"], ["E", "ensemble"], ["I", "all spectra and answers"]]],
  ["Keep", [["⇧D", "download the CSV"], ["⇧I", "import a CSV"], ["? H", "this list"], ["Esc", "close; leave a field or button"]]],
];

export function buildHelp() {
  const grid = element("div", { className: "grid" }), guide = element("dl", {});
  for (const [title, list] of HELP) grid.append(element("section", {}, element("h3", { textContent: title }), rows(list)));
  for (const q of [4, 3, 2, 1, 0]) guide.append(element("dt", { textContent: String(q) }), element("dd", { textContent: MEANING[q].slice(2) }));
  grid.append(element("section", {}, element("h3", { textContent: "Quality" }), guide));
  grid.append(element("section", {}, element("h3", { textContent: "Mouse" }), rows([["wheel, drag", "zoom, pan"], ["⇧ wheel", "zoom the flux"], ["⇧ drag", "zoom to a range"], ["click", "mark a feature and name its line"], ["double click", "whole spectrum"]])));
  $("keys").replaceChildren(element("h2", { textContent: "Keys" }), grid,
    element("p", { className: "hidden-note", textContent: "Answers are kept in this browser as you give them, under your name. Templates are this project's own models of quasars, galaxies and stars; the candidates are their fits to this spectrum, independent of the network." }));
}

export const openHelp = () => $("keys").showModal();

function smooth(by) {
  settings.smooth = clamp(settings.smooth + by, 0, 30);
  keepSettings();
}

function toggleAdvance() {
  settings.advance = !settings.advance;
  keepSettings();
  toast(`Advance after a quality: ${settings.advance ? "on" : "off"}`);
}

function nextTemplate(by) {
  const names = templateNames();
  settings.template = names[(names.indexOf(settings.template) + by + names.length) % names.length];
  keepSettings();
}

const PLAIN = {
  q: () => setClass("QSO"), g: () => setClass("GALAXY"), s: () => setClass("STAR"),
  0: () => setQuality(0), 1: () => setQuality(1), 2: () => setQuality(2), 3: () => setQuality(3), 4: () => setQuality(4),
  b: cycleBal, r: recordZ, u: undoLast, Delete: clearAnswer,
  c: () => chooseCandidate(view.candidate + 1), v: () => chooseCandidate(view.candidate < 0 ? -1 : view.candidate - 1),
  f: fitHere, m: () => markNext(1), z: () => { $("z").focus(); $("z").select(); },
  n: () => go(view.index + 1), p: () => go(view.index - 1), Enter: () => go(view.index + 1), Backspace: () => go(view.index - 1),
  " ": nextUnlabelled, Home: () => go(0), End: () => go(N - 1),
  ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => zoom(0.7), ArrowDown: () => zoom(1 / 0.7), x: resetView,
  w: () => smooth(2), d: () => toggle("noise"), o: () => toggle("network"), l: () => toggle("emission"), a: () => toggle("absorption"), k: () => toggle("sky"), y: () => toggle("full"), j: () => toggle("arms"),
  t: () => nextTemplate(1), e: toggleEnsemble, i: openGallery, h: openHelp,
};
const SHIFTED = {
  r: () => toggleIssue("R"), c: () => toggleIssue("C"), s: () => toggleIssue("S"), d: download, i: () => $("file").click(),
  w: () => smooth(-2), t: () => nextTemplate(-1), a: toggleAdvance, m: () => markNext(-1), z: toggleAbsorber, ArrowUp: () => zoomFlux(0.8), ArrowDown: () => zoomFlux(1.25),
};
// What a held key may do again and again. Nothing here records anything.
const REPEATED = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "n", "p", "w", ",", "."]);

// Whether the control in focus needs this key itself.
function keepsKey(control, key) {
  if (!control) return false;
  if (control.matches("select")) return key !== "Escape";
  if (control.matches("input[type=range]")) return /^(Arrow|Page|Home|End)/.test(key);
  if (control.matches("a")) return key === "Enter";
  return control.matches("button") && (key === "Enter" || key === " ");
}

export function onKey(event) {
  const key = nameOfKey(event), shift = event.shiftKey, control = event.target.closest?.("input, select, button, a");
  if (document.querySelector("dialog[open]")) {
    for (const [id, keys] of [["keys", ["?", "h"]], ["gallery", ["i"]]]) {
      if ($(id).open && keys.includes(key) && !event.repeat && !control?.matches("input, select")) { event.preventDefault(); $(id).close(); }
    }
    return;
  }
  if (control?.matches("input[type=text]")) { inField(event, control, key); return; }
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" && !shift && !event.altKey && !event.repeat) { event.preventDefault(); undoLast(); }
    return;
  }
  if (keepsKey(control, event.key)) {
    // A held Enter would click a button again and again.
    if (event.repeat && control.matches("button, a")) event.preventDefault();
    return;
  }
  if (key === "Escape" && control) { control.blur(); return; }
  const action = actionOf(key, shift, event);
  if (!action) return;
  event.preventDefault();
  if (!event.repeat || REPEATED.has(key)) action();
}

function inField(event, field, key) {
  if (key !== "Enter" && key !== "Escape") return;
  event.preventDefault();
  if (key === "Escape") forgetTyped();
  field.blur();
}

function actionOf(key, shift, event) {
  if (!$("lines").hidden) {
    if (/^[0-9]$/.test(key)) return () => nameByKey(key);
    if (key === "Escape") return closeLines;
    if (key === "ArrowLeft" || key === "ArrowRight") return () => moveMark((key === "ArrowLeft" ? -1 : 1) * (shift ? 8 : 1));
  }
  if (key === "?") return openHelp;
  if (key === "/") return () => $("comment").focus();
  if (key === "," || key === ".") return () => step(key === "," ? -1 : 1, event);
  if (event.altKey) return null;
  if (/^[0-9]$/.test(key)) return PLAIN[key];
  return (shift ? SHIFTED : PLAIN)[key];
}
