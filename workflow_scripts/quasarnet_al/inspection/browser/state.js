import { EMPTY, isComplete, laterThan, sane, Undo } from "./answers.js";
import { clamp, plural } from "./base.js";
import { banner, D } from "./document.js";
import { clusters, matches, prepared, scans } from "./match.js";
import { armsApart, small, smoothed, unpack } from "./spectra.js";
import { fromLocalStorage, Store } from "./store.js";

// Everything that changes while the page is open, and where it is kept.

export const settings = { smooth: 4, emission: 1, absorption: 0, noise: true, network: false, sky: true, full: false, arms: false, advance: true, ensemble: D.blind, template: "auto" };
export const session = { inspector: "", ready: false, downloaded: "{}", kept: true };
// What is looked at. `spectype` is the class of the candidate that z was taken from, `drawn`
// the spectrum that the screen shows, `since` when it was first drawn. `typed` is what stands in
// the fields and was not taken yet, `refused` a typed redshift that could not be taken, `opinion`
// the answer to which a second opinion was given last.
export const view = { index: 0, z: 0, touched: false, spectype: "", candidate: -1, x: null, y: null, mark: null, features: null, absorber: null, drawn: -1, since: 0, typed: {}, refused: "", opinion: null };
export const answers = {};
export const seen = new Set();
export const undo = new Undo();
const store = new Store();

// Modules that show the state put themselves here.
export const hooks = { refresh() {}, draw() {}, elsewhere() {} };
export const refresh = () => { if (session.ready) hooks.refresh(); };
let scheduled = false;
export function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; hooks.draw(); });
}

// ---------------------------------------------------------------- spectra and candidates

export const TEMPLATES = prepared(D.templates);
const unpacked = new Map();
export function spectrum(index) {
  if (!unpacked.has(index)) {
    unpacked.set(index, unpack(D.spectra[index], D.wavelength, D.grid));
    if (unpacked.size > 6) unpacked.delete(unpacked.keys().next().value);
  }
  return unpacked.get(index);
}
export const scanned = (index) => scans(spectrum(index), TEMPLATES);
export const matched = (index) => matches(spectrum(index), TEMPLATES);
// The spectrum as it is smoothed now; without a coadd its pixels are ten times as wide.
export function curve(index) {
  const s = spectrum(index), sigma = s.full ? settings.smooth : Math.min(settings.smooth, 6) / 4;
  if (s.curveKey !== sigma) { s.curve = smoothed(s, sigma); s.curveKey = sigma; }
  return s.curve;
}

// The arms of a spectrum, each smoothed by itself.
export function arms(index) {
  const s = spectrum(index);
  s.arms = s.arms || armsApart(s, D.spectra[index].overlaps || [], D.wavelength);
  if (s.armsKey !== settings.smooth) {
    for (const piece of s.arms) piece.curve = smoothed(piece, settings.smooth);
    s.armsKey = settings.smooth;
  }
  return s.arms;
}

export function candidates(index) {
  const record = D.spectra[index], list = [];
  if (record.redrock) list.push({ z: record.redrock.z, spectype: record.redrock.spectype, source: "redrock", note: record.redrock.warnings ? "warned" : "" });
  // The pipeline's next fits, where its details are there; the best is the one above.
  let behind = 0;
  for (const [k, fit] of (record.fits || []).entries()) {
    if (k > 0) list.push({ z: fit.z, spectype: fit.spectype, source: `redrock, fit ${k + 1}:`, note: `Δχ² ${behind.toFixed(0)}` });
    behind += fit.deltachi2 || 0;
  }
  list.push(...matched(index));
  if (ensembleVisible(index)) {
    const { member_z: members } = record.ensemble;
    for (const { z, count } of clusters(members)) list.push({ z, spectype: "QSO", source: "ensemble", note: `${count} of ${members.length}` });
  }
  for (const answer of record.earlier || []) {
    if (answer.z !== null) list.push({ z: answer.z, spectype: answer.spectype, source: answer.inspector });
  }
  return list;
}

// Redrock's own model of the spectrum, drawn at redrock's redshift and nowhere else: unless
// another template is asked for, it comes before this project's templates.
export function pipelineModel() {
  const record = current(), near = record.redrock && Math.abs(view.z - record.redrock.z) < 0.0033 * (1 + record.redrock.z);
  return record.model && near && ["auto", "redrock"].includes(settings.template) && (!view.touched || !view.spectype || view.spectype === record.redrock.spectype) ? small(record.model) : null;
}

// "auto" is the candidate's own template, else the best of the class chosen or of redrock's.
export function shownTemplate() {
  if (settings.template === "redrock") return undefined;
  if (settings.template !== "auto") return TEMPLATES.find((t) => t.name === settings.template);
  const candidate = candidates(view.index)[view.candidate] || {}, chosen = answerOf(view.index).spectype;
  if (candidate.source === "template" && (!chosen || chosen === candidate.spectype)) return TEMPLATES.find((t) => t.name === candidate.name);
  const spectype = chosen || view.spectype || candidate.spectype || "QSO";
  const fits = matched(view.index).find((m) => m.spectype === spectype);
  return TEMPLATES.find((t) => (fits ? t.name === fits.name : t.spectype === spectype));
}

// ---------------------------------------------------------------- answers

export const current = () => D.spectra[view.index];
export const answerOf = (index) => answers[D.spectra[index].targetid] || EMPTY;
export const left = () => D.spectra.filter((_, i) => !isComplete(answerOf(i))).length;
export const ensembleAllowed = (index) => Boolean(D.spectra[index].ensemble) && (!D.blind || isComplete(answerOf(index)));
export const ensembleVisible = (index) => ensembleAllowed(index) && settings.ensemble;

// How everything about a spectrum is now, for the undo.
export const snapshot = (index = view.index) => ({
  index, answer: answerOf(index), z: view.z, touched: view.touched, spectype: view.spectype, candidate: view.candidate,
});

// Change an answer; `before` is what an undo goes back to. `keepShown` leaves as it was what
// the inspector had seen: for what is no judgement of class and redshift. `time` is when an answer
// was given that comes from a file.
export function change(index, fields, { before = snapshot(index), keepShown = false, time } = {}) {
  const record = D.spectra[index], after = { ...answerOf(index), ...fields };
  if (!keepShown) after.shown = [record.redrock && "redrock", seen.has(record.targetid) && "ensemble", record.earlier && "answers"].filter(Boolean).join(" ");
  undo.push(before);
  put(record.targetid, after, time);
  refresh();
}

function put(targetid, answer, time) {
  answers[targetid] = { ...answer, time: laterThan((answers[targetid] || EMPTY).time, time) };
  pass(targetid);
}

// Give an answer to the store and to other tabs.
function pass(targetid) {
  keep(store.putAnswer(prefix(), targetid, answers[targetid]));
  channel?.postMessage({ prefix: prefix(), targetid, answer: answers[targetid] });
}

// Take back the last change: class, redshift, and whether the redshift was touched. Returns
// the step, or undefined where there is none.
export function takeBack() {
  const step = undo.pop();
  if (step) put(D.spectra[step.index].targetid, step.answer);
  return step;
}

export function sawEnsemble(targetid) {
  if (seen.has(targetid)) return;
  seen.add(targetid);
  keep(store.putSeen(prefix(), targetid));
}

// ---------------------------------------------------------------- keeping

// Answers are kept under the batch and the name of who gave them.
export const plainName = (name) => name.normalize("NFC").toLowerCase();
const prefix = (name = session.inspector) => `${D.title}\n${D.hash}\n${plainName(name)}\n`;
async function keep(write) {
  if ((await write) || !session.kept) return;
  session.kept = false;
  banner("storage", "This browser no longer keeps answers to this page (no storage, or none left): download the CSV before you close it.");
}

export function keepSettings() {
  keep(store.putSetting("settings", { ...settings }));
  refresh();
}

// Take answers: of each spectrum the newer one. Returns the numbers of those that changed.
function absorb(theirs) {
  const changed = [];
  for (const [targetid, answer] of Object.entries(theirs)) {
    const index = D.spectra.findIndex((record) => record.targetid === targetid), mine = answers[targetid];
    if (index < 0 || (mine && mine.time >= answer.time)) continue;
    answers[targetid] = answer;
    changed.push(index);
  }
  return changed;
}

// What another tab or window of this browser answers meanwhile.
let channel = null;
try {
  channel = new BroadcastChannel("quasarnet-al");
} catch {
  // A browser that forbids storage forbids this too.
}
function otherTab(changed) {
  if (!changed.length) return;
  for (const index of changed) undo.forget(index);
  banner("tabs", `This page is open in another tab or window too. Both keep their answers; for one spectrum the newer counts. From there came: ${changed.map((i) => i + 1).join(", ")}.`);
  hooks.elsewhere(changed);
}
export function watchOtherTabs() {
  channel?.addEventListener("message", ({ data }) => {
    const answer = sane(data?.answer);
    if (answer && data.prefix === prefix()) otherTab(absorb({ [data.targetid]: answer }));
  });
  addEventListener("visibilitychange", async () => {
    if (document.visibilityState === "visible") otherTab(absorb((await store.load(prefix())).answers));
  });
}

// The settings that a store gives, each only where it can be one.
function takeSettings(saved) {
  for (const [name, value] of Object.entries(saved && typeof saved === "object" ? saved : {})) {
    if (name in settings && typeof value === typeof settings[name] && !Number.isNaN(value)) settings[name] = value;
  }
  settings.smooth = clamp(Math.round(settings.smooth), 0, 30);
  for (const name of ["emission", "absorption"]) settings[name] = clamp(Math.round(settings[name]), 0, 2);
  settings.ensemble = D.blind;
  if (!["none", "redrock"].includes(settings.template) && !TEMPLATES.some((t) => t.name === settings.template)) settings.template = "auto";
}

// The inspector of this tab, whoever works in another one meanwhile.
function nameOfTab(name) {
  try {
    if (name) sessionStorage.setItem("quasarnet-al/inspector", name);
    return sessionStorage.getItem("quasarnet-al/inspector");
  } catch {
    return null;
  }
}

// Open the store, and what an earlier page kept in localStorage.
export async function openStore() {
  const old = fromLocalStorage(`quasarnet-al/${D.title}/${D.hash}`);
  await store.open();
  if (!store.works) keep(false);
  takeSettings((await store.setting("settings")) ?? old.settings);
  const name = nameOfTab() || ((await store.setting("inspector")) ?? old.inspector);
  if (old.count) {
    const owner = prefix(old.inspector), { answers: newer } = await store.load(owner);
    const kept = await Promise.all([
      ...Object.entries(old.answers).filter(([targetid, { time }]) => !newer[targetid] || newer[targetid].time < time).map(([targetid, answer]) => store.putAnswer(owner, targetid, answer)),
      ...old.seen.map((targetid) => store.putSeen(owner, targetid)),
    ]);
    if (kept.every(Boolean)) old.forget();
  }
  if (typeof name === "string" && name) await openFor(name);
}

// The answers of those who had the page before, also where the browser keeps nothing, and what of
// them was kept or downloaded.
const remembered = new Map();

// Whether a page that is closed now loses answers of anybody.
export function unsaved() {
  const others = [...remembered].filter(([owner]) => owner !== prefix()).map(([, other]) => other);
  return !session.kept && [{ answers, downloaded: session.downloaded }, ...others].some((one) => JSON.stringify(one.answers) !== one.downloaded);
}

// Give the page to an inspector: with the answers kept under that name, and what this person
// has decided before on an adjudication page.
export async function openFor(name) {
  const { answers: kept, seen: ensembles, broken } = await store.load(prefix(name));
  remembered.set(prefix(), { answers: { ...answers }, downloaded: session.kept ? JSON.stringify(answers) : session.downloaded });
  session.inspector = name;
  for (const targetid of Object.keys(answers)) delete answers[targetid];
  seen.clear();
  undo.clear();
  absorb(kept);
  const mine = remembered.get(prefix());
  absorb(mine?.answers || {});
  for (const targetid of ensembles) seen.add(targetid);
  for (const record of D.spectra) {
    const decisions = (record.decided || []).filter((d) => plainName(d.inspector) === plainName(name)).map((d) => sane({ ...d, bal: d.bal < 0 ? null : d.bal })).filter(Boolean);
    for (const decided of decisions) absorb({ [record.targetid]: decided });
  }
  session.downloaded = session.kept ? JSON.stringify(answers) : mine?.downloaded ?? "{}";
  keep(store.putSetting("inspector", name));
  nameOfTab(name);
  if (broken) banner("broken", `${plural(broken, "stored answer")} of this page could not be read and ${broken === 1 ? "is" : "are"} left out.`);
}

// Take over the answers of another name: the same person, misspelled. What was answered under
// this name since then stays.
export async function takeFrom(name) {
  const { answers: kept } = await store.load(prefix(name));
  const theirs = remembered.get(prefix(name));
  for (const index of new Set([kept, theirs?.answers || {}].flatMap(absorb))) {
    pass(D.spectra[index].targetid);
  }
  if (theirs) theirs.downloaded = JSON.stringify(theirs.answers);
  refresh();
}

// A page made again with other spectra keeps its answers apart.
export async function olderBatch() {
  const keys = (await store.keys(`${D.title}\n`)).filter((key) => !key.startsWith(`${D.title}\n${D.hash}\n`));
  if (keys.length) banner("older", `This browser holds ${plural(keys.length, "answer")} to an earlier page of this name with other spectra. They stay apart from this one.`);
}
