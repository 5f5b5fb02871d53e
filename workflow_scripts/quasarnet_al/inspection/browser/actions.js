import { contradiction, EMPTY, isComplete, isEmpty } from "./answers.js";
import { C_KM_S, CLASSES, ISSUES, round4, typedRedshift, Z_MAX, Z_MIN } from "./base.js";
import { $, banner, D, N, toast, unbanner } from "./document.js";
import { CLEAR, refine } from "./match.js";
import { answerOf, candidates, change, current, left, matched, refresh, sawEnsemble, schedule, session, settings, shownTemplate, snapshot, spectrum, takeBack, TEMPLATES, view } from "./state.js";

// What an inspector can do: go to a spectrum, choose a redshift, answer.

// ---------------------------------------------------------------- redshift

// `keepClass`: the redshift is still that of the candidate chosen before, moved a little.
export function setZ(z, { quiet = false, keepClass = false } = {}) {
  if (!(z >= Z_MIN && z <= Z_MAX)) {
    toast(`z = ${z.toFixed(4)} is outside ${Z_MIN} to ${Z_MAX}; it stays ${view.z.toFixed(4)}`);
    return;
  }
  view.z = Math.abs(z) < 1e-9 ? 0 : z;
  view.refused = "";
  if (!quiet) {
    view.touched = true;
    view.candidate = -1;
    if (!keepClass) view.spectype = "";
  }
  refresh();
}

// A redshift that was typed is meant, also where it is the one that was shown.
export function takeZ() {
  const text = view.typed.z;
  if (text === undefined) return;
  delete view.typed.z;
  const z = typedRedshift(text), isShown = () => z !== null && Math.abs(z - view.z) <= 4e-5;
  if (z === null) toast(`"${text}" is not a number; z stays ${view.z.toFixed(4)}`);
  else if (isShown()) view.touched = true;
  else setZ(z);
  view.refused = isShown() ? "" : text;
}

// Leave the fields without taking what was typed.
export function forgetTyped() {
  view.typed = {};
  $("comment").value = answerOf(view.index).comment;
}

export function chooseCandidate(at, quiet = false) {
  const list = candidates(view.index);
  if (!list.length) return;
  view.candidate = ((at % list.length) + list.length) % list.length;
  view.z = list[view.candidate].z;
  if (quiet) return;
  view.touched = true;
  view.spectype = list[view.candidate].spectype;
  refresh();
}

export const step = (sign, event) => setZ(view.z + sign * (event.altKey ? 1e-4 : event.shiftKey ? 1e-2 : 1e-3), { keepClass: true });

// Fit the template that is shown, near the redshift that is shown.
export function fitHere() {
  const t = shownTemplate();
  if (!t) return toast("No template is shown: T chooses one");
  const from = view.z, z = refine(spectrum(view.index), t, from);
  if (z === null) return toast(`No fit: "${t.name}" fits best nowhere near z = ${from.toFixed(4)}`);
  setZ(z, { keepClass: true });
  return toast(`fit of "${t.name}": ${from.toFixed(4)} → ${z.toFixed(4)} (${Math.round((C_KM_S * (z - from)) / (1 + from))} km/s)`);
}

// ---------------------------------------------------------------- answers

// No answer is taken from somebody unknown, about a spectrum that nobody can have seen yet (a key
// that bounces, a double click), or in place of a redshift that was typed and refused.
const LOOK = 100;
export const canSee = () => view.drawn === view.index && performance.now() - view.since >= LOOK;
function canAnswer() {
  if (!session.inspector) return false;
  if (canSee() && !view.refused) return true;
  toast(view.refused ? `Not recorded: "${view.refused}" was not taken as a redshift. Again records z = ${view.z.toFixed(4)}` : "Not recorded: the spectrum was not on the screen yet");
  view.refused = "";
  return false;
}

// Record class and redshift, or ask where they contradict each other.
function record(fields, before) {
  const after = { ...answerOf(view.index), ...fields };
  const why = contradiction(after.spectype, after.z);
  if (why) {
    const others = CLASSES.filter(([c]) => c !== after.spectype && !contradiction(c, after.z));
    banner("contradiction", `Not recorded: ${why}. Is it another class (Q, G, S) or another redshift (Z)?`,
      ...others.map(([c]) => [`${c} at z = ${after.z.toFixed(4)}`, () => record({ ...fields, spectype: c }, snapshot())]), ["Cancel", () => {}]);
    return;
  }
  unbanner("contradiction");
  const completes = "quality" in fields || !isComplete(before.answer);
  change(view.index, fields, { before });
  secondOpinion(view.index);
  if (!isComplete(answerOf(view.index))) {
    if (answerOf(view.index).quality >= 0) toast("Which class? Q quasar, G galaxy, S star");
  } else if (completes) advance();
}

// After an answer that contradicts redrock or the ensemble (where there is neither, what fits best
// here): what they say, once for each spectrum, and a flag for redrock. Never before an answer.
const told = new Set();
const MAJORITY = 2 / 3;
// Fits to the network's pixels place a redshift no better.
const NEAR = 0.01;
function secondOpinion(index) {
  unbanner("opinion");
  const a = answerOf(index), { redrock, ensemble, targetid } = D.spectra[index];
  if (!isComplete(a) || a.quality < 2 || told.has(targetid)) return;
  const says = [], actions = [], flag = (letter) => () => { go(index); if (!answerOf(index).issue.includes(letter)) change(index, { issue: withIssue(index, letter) }, { keepShown: true }); };
  if (redrock && redrock.spectype !== a.spectype) {
    says.push(`redrock sees a ${redrock.spectype} at z = ${redrock.z.toFixed(4)}`);
    actions.push(["Flag redrock's class (⇧C)", flag("C")]);
  } else if (redrock && Math.abs(redrock.z - a.z) > SAME_Z * (1 + Math.min(redrock.z, a.z))) {
    says.push(`redrock has z = ${redrock.z.toFixed(4)}`);
    actions.push(["Flag redrock's redshift (⇧R)", flag("R")]);
  }
  if (ensemble) {
    const quasar = 1 - ensemble.votes["not a quasar"], other = ensemble.z_mean;
    const share = a.spectype === "QSO" ? 1 - quasar : quasar;
    if (share > MAJORITY) says.push(`${Math.round(100 * share)} % of the ensemble ${a.spectype === "QSO" ? "do not see" : "see"} a quasar`);
    else if (a.spectype === "QSO" && other !== null && Math.abs(other - a.z) > 0.05 * (1 + a.z)) says.push(`the ensemble's mean redshift is ${other.toFixed(2)}`);
    if (says.some((text) => text.includes("ensemble"))) sawEnsemble(targetid);
  }
  if (!redrock && !ensemble) {
    const [best, ...others] = matched(index), agrees = ({ spectype, z }) => spectype === a.spectype && Math.abs(z - a.z) < NEAR * (1 + a.z);
    const behind = Math.min(...others.filter(agrees).map((other) => other.behind));
    if (best && !agrees(best) && behind > CLEAR) says.push(`a ${best.spectype} at z = ${best.z.toFixed(4)} fits better ("${best.name}")`);
  }
  if (!says.length) return;
  told.add(targetid);
  view.opinion = { index, answer: a };
  banner("opinion", `You recorded ${index + 1} as ${a.spectype} at z = ${a.z.toFixed(4)}; ${says.join(", and ")}.`, ...actions, ["Look again", () => go(index)], ["OK", () => {}]);
}
const withIssue = (index, letter) => ISSUES.map(([l]) => l).filter((l) => l === letter || answerOf(index).issue.includes(l)).join("");

export function setClass(spectype) {
  if (!canAnswer()) return;
  const before = snapshot(), a = before.answer;
  if (a.spectype === spectype) return;
  adopt(spectype);
  const fields = { spectype };
  if (a.z !== null || a.quality >= 2) fields.z = round4(view.z);
  record(fields, before);
}

// Choosing a class moves a redshift that was not touched, or that this class cannot have, to
// where the class fits best.
function adopt(spectype) {
  const list = candidates(view.index), from = view.z;
  if (view.touched && !contradiction(spectype, view.z)) return;
  if (view.candidate < 0 || list[view.candidate]?.spectype !== spectype || contradiction(spectype, view.z)) {
    const best = list.findIndex((c) => c.spectype === spectype && !contradiction(spectype, c.z));
    if (best >= 0) chooseCandidate(best, true);
    else if (spectype === "STAR") setZ(0, { quiet: true });
  }
  if (view.touched && view.z !== from) toast(`z = ${from.toFixed(4)} cannot be a ${spectype}'s: moved to ${view.z.toFixed(4)}`);
}

// Redshifts nearer than this are the same (Z_TOLERANCE of merge.py).
const SAME_Z = 0.0033;
// The class that a quality alone takes: that of the candidate whose redshift is shown, else
// redrock's as in prospect, but only with redrock's redshift.
export function offered() {
  const { redrock } = current();
  let spectype = view.touched ? view.spectype : "";
  if (!spectype && redrock && Math.abs(view.z - redrock.z) < SAME_Z * (1 + redrock.z)) spectype = redrock.spectype;
  return CLASSES.some(([c]) => c === spectype) && !contradiction(spectype, view.z) ? spectype : "";
}

export function setQuality(quality) {
  if (!canAnswer()) return;
  const before = snapshot(), a = before.answer, fields = { quality };
  if (quality >= 2) {
    if (!a.spectype) fields.spectype = offered();
    fields.z = round4(view.z);
  } else if (!a.zSet) fields.z = null;
  record(fields, before);
}

function advance() {
  const a = answerOf(view.index);
  toast(`${view.index + 1}: ${a.spectype || "no class"}${a.z === null ? "" : ` z = ${a.z.toFixed(4)}`}, quality ${a.quality}`);
  if (left() === 0) {
    banner("done", `All ${N} are answered. Download the CSV (Shift+D)${D.labels_dir ? ` and put it into ${D.labels_dir}` : ""}.`);
  } else if (settings.advance && view.index < N - 1) go(view.index + 1);
}

export function recordZ() {
  if (!canAnswer()) return;
  record({ z: round4(view.z), zSet: true }, snapshot());
  if (answerOf(view.index).z === round4(view.z)) toast(`z = ${view.z.toFixed(4)} recorded`);
}

export function cycleBal() {
  if (!canAnswer()) return;
  const { bal } = answerOf(view.index);
  change(view.index, { bal: bal === null ? 1 : bal === 1 ? 0 : null });
}

export function toggleIssue(letter) {
  if (!canAnswer()) return;
  const { issue } = answerOf(view.index);
  change(view.index, { issue: ISSUES.map(([l]) => l).filter((l) => (l === letter) !== issue.includes(l)).join("") }, { keepShown: true });
}

export function clearAnswer() {
  if (isEmpty(answerOf(view.index)) || !canAnswer()) return;
  change(view.index, { ...EMPTY });
  toast("Answer cleared; U brings it back");
}

export function commitComment() {
  const text = view.typed.comment?.trim();
  delete view.typed.comment;
  if (text !== undefined && session.inspector && text !== answerOf(view.index).comment) change(view.index, { comment: text }, { keepShown: true });
}

export function undoLast() {
  commitComment();
  const last = takeBack();
  if (!last) return toast("Nothing to undo");
  if (last.index !== view.index) go(last.index);
  const { z, touched, spectype, candidate } = last;
  Object.assign(view, { z, touched, spectype, candidate });
  $("comment").value = answerOf(view.index).comment;
  unbanner("contradiction");
  refresh();
  return toast(`Undone on spectrum ${last.index + 1}`);
}

// ---------------------------------------------------------------- from spectrum to spectrum

export function go(index) {
  if (index < 0 || index >= N) return;
  commitComment();
  unbanner("contradiction");
  Object.assign(view, { index, x: null, y: null, features: null, touched: false, spectype: "", candidate: -1, absorber: null, drawn: -1, typed: {}, refused: "" });
  closeLines();
  const a = answerOf(index), list = candidates(index), own = list.findIndex((c) => c.spectype === a.spectype);
  if (a.z !== null) Object.assign(view, { z: a.z, touched: true });
  else if (list.length) chooseCandidate(Math.max(0, own), true);
  else view.z = 0;
  $("comment").value = a.comment;
  refresh();
  // The next spectrum is unpacked and matched while this one is looked at.
  setTimeout(() => { if (index + 1 < N) matched(index + 1); }, 60);
}

export function nextUnlabelled() {
  for (let k = 1; k <= N; k++) {
    const index = (view.index + k) % N;
    if (!isComplete(answerOf(index))) return go(index);
  }
  return toast("All are answered");
}

export function closeLines() {
  $("lines").hidden = true;
  view.mark = null;
  schedule();
}

// Lines of an absorber stay at the redshift that is shown now, while that of the object moves
// on; once more takes them away.
export function toggleAbsorber() {
  view.absorber = view.absorber === null ? view.z : null;
  toast(view.absorber === null ? "Absorber's lines removed" : `Absorption lines of an absorber stay at z = ${view.absorber.toFixed(4)}`);
  schedule();
}

export const templateNames = () => ["auto", "none", ...(D.spectra.some((record) => record.model) ? ["redrock"] : []), ...TEMPLATES.map((t) => t.name)];
