import { isComplete } from "./answers.js";
import { plural, typedRedshift, Z_MAX } from "./base.js";
import { readColours } from "./canvas.js";
import { $, banner, D, on, toast, unbanner } from "./document.js";
import { commitComment, go, setZ, takeZ } from "./actions.js";
import { download, importFile } from "./files.js";
import { placeOf } from "./gallery.js";
import { buildHelp, onKey, openHelp } from "./keys.js";
import { mouse } from "./mouse.js";
import { draw } from "./plot.js";
import { build, show, showLegend } from "./side.js";
import { answerOf, answers, hooks, keepSettings, olderBatch, openFor, openStore, plainName, refresh, schedule, session, settings, takeFrom, unsaved, view, watchOtherTabs } from "./state.js";

// The start of the page: what listens to what.

// A mouse leaves a list or slider when it is done; a key stays in it.
function leaveAfterMouse(control) {
  let byMouse = false;
  control.addEventListener("pointerdown", () => { byMouse = true; });
  control.addEventListener("keydown", () => { byMouse = false; });
  control.addEventListener("change", () => { if (byMouse) control.blur(); });
}

// A click answers about the spectrum on which its button went down, and that is the first click
// of a double click: the next spectrum may be on the screen before the second.
function sameSpectrum(box) {
  let pressedOn = -1;
  box.addEventListener("mousedown", (event) => { if (event.detail < 2) pressedOn = view.index; }, true);
  box.addEventListener("click", (event) => {
    if (!event.detail || view.index === pressedOn) return;
    event.stopPropagation();
    toast("Not recorded: the click began on another spectrum");
  }, true);
}

// A button that the mouse has left is not the next key's: it was clicked, or was not to be.
const leaveButton = () => { if (document.activeElement.matches("button")) document.activeElement.blur(); };

function listen() {
  addEventListener("keydown", onKey);
  addEventListener("mouseup", leaveButton, true);
  for (const id of ["classes", "qualities", "flags"]) sameSpectrum($(id));
  addEventListener("beforeunload", (event) => {
    commitComment();
    if (unsaved()) event.preventDefault();
  });
  addEventListener("hashchange", goToAddress);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); refresh(); });
  new ResizeObserver(schedule).observe($("stage"));
  $("comment").addEventListener("input", () => { view.typed.comment = $("comment").value; });
  $("comment").addEventListener("blur", commitComment);
  $("z").addEventListener("input", () => {
    view.typed.z = $("z").value;
    on($("z"), typedRedshift(view.typed.z) === null, "bad");
  });
  $("z").addEventListener("blur", () => {
    on($("z"), false, "bad");
    takeZ();
    refresh();
  });
  $("z-slider").addEventListener("input", () => setZ(Math.exp(($("z-slider").value / 1000) * Math.log(1 + Z_MAX)) - 1));
  $("smooth").addEventListener("input", () => { settings.smooth = Number($("smooth").value); keepSettings(); });
  $("template").addEventListener("change", () => { settings.template = $("template").value; keepSettings(); });
  for (const id of ["z-slider", "smooth", "template"]) leaveAfterMouse($(id));
  const click = (id, action) => $(id).addEventListener("click", () => action());
  click("help", openHelp);
  click("download", download);
  click("import", () => $("file").click());
  click("inspector", askName);
  $("file").addEventListener("change", () => {
    if ($("file").files.length) importFile($("file").files[0]);
    $("file").value = "";
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const { files } = event.dataTransfer;
    if (files.length > 1) banner("import", `Nothing was read: drop one file at a time, not ${files.length}.`);
    else if (files.length) importFile(files[0]);
  });
  $("who").addEventListener("close", named);
}

function askName() {
  $("name").value = session.inspector;
  $("who").returnValue = "";
  $("who").showModal();
}

// Answers belong to who gave them: another name opens the answers of that name.
async function named() {
  const before = session.inspector;
  // Escape leaves the name as it was.
  const name = $("who").returnValue ? $("name").value.trim().replace(/\s+/g, " ") : before;
  if (!/[\p{L}\p{N}]/u.test(name)) {
    if (name) toast("A name needs a letter or a digit");
    if (!before) askName();
    return;
  }
  if (name === before) return;
  commitComment();
  // Questions to the one are not for the other to answer.
  for (const question of ["import", "contradiction", "opinion", "renamed"]) unbanner(question);
  const count = Object.keys(answers).length, { index } = view;
  await openFor(name);
  go(before ? index : firstOpen());
  if (!before || !count || plainName(name) === plainName(before)) return;
  banner("renamed", `This page now shows the answers of ${name}: ${Object.keys(answers).length || "none yet"}. The ${plural(count, "answer")} of ${before} stay under that name.`,
    [`${before} was a misspelling: take over the ${plural(count, "answer")}`, () => takeOver(before)], ["OK", () => {}]);
}

async function takeOver(before) {
  await takeFrom(before);
  go(view.index);
}

const firstOpen = () => Math.max(0, D.spectra.findIndex((_, i) => !isComplete(answerOf(i))));

// The spectrum whose TARGETID is in the address; whether there is one.
function goToAddress() {
  const name = location.hash.slice(1), index = placeOf(name);
  if (index >= 0) go(index);
  else if (name) banner("address", `The address asks for ${name}, which is not on this page.`);
  return index >= 0;
}

async function start() {
  build();
  buildHelp();
  readColours();
  hooks.refresh = show;
  hooks.draw = () => { draw(); showLegend(); };
  hooks.elsewhere = (changed) => { if (changed.includes(view.index)) go(view.index); else refresh(); };
  await openStore();
  session.ready = true;
  if (!goToAddress()) go(firstOpen());
  hooks.draw();
  mouse();
  listen();
  watchOtherTabs();
  if (session.inspector) toast(`Answers are ${session.inspector}'s; the button with the name changes that`);
  else askName();
  olderBatch();
  document.documentElement.dataset.ready = "yes";
}

start();
