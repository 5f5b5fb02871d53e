import { CLASSES, ISSUES, STAR_Z, Z_MAX, Z_MIN } from "./base.js";

// What an answer is, when it is complete and when it contradicts itself. Pure.

export const EMPTY = Object.freeze({ spectype: "", z: null, zSet: false, quality: -1, bal: null, issue: "", comment: "", shown: "", time: "" });
export const FIELDS = ["spectype", "z", "quality", "bal", "issue", "comment"];

export const isEmpty = (a) => a.spectype === "" && a.z === null && a.quality < 0 && a.bal === null && a.issue === "" && a.comment === "";
// Only a quasar needs a redshift.
export const isComplete = (a) => a.quality >= 0 && (a.quality < 2 || (a.spectype !== "" && (a.z !== null || a.spectype !== "QSO"))) && contradiction(a.spectype, a.z) === "";
export const differs = (a, b) => FIELDS.some((name) => a[name] !== b[name]);

// Why a class cannot have a redshift, or "". The merge refuses the same.
export function contradiction(spectype, z) {
  if (z === null) return "";
  if (!(z >= Z_MIN && z <= Z_MAX)) return `z = ${z} is outside ${Z_MIN} to ${Z_MAX}`;
  if (spectype === "STAR" && Math.abs(z) > STAR_Z) return `a star has |z| up to ${STAR_Z}, not z = ${z.toFixed(4)}`;
  if (spectype === "QSO" && z < STAR_Z) return `a quasar has z of ${STAR_Z} or more, not z = ${z.toFixed(4)}`;
  return "";
}

// An answer from a store that anything may have written to: null where it cannot be one.
export function sane(value) {
  if (!value || typeof value !== "object") return null;
  const a = { ...EMPTY };
  for (const name of Object.keys(EMPTY)) if (name in value) a[name] = value[name];
  const text = ["comment", "shown", "time", "issue", "spectype"].every((name) => typeof a[name] === "string");
  const good = text && (a.spectype === "" || CLASSES.some(([c]) => c === a.spectype))
    && (a.z === null || (typeof a.z === "number" && a.z >= Z_MIN && a.z <= Z_MAX)) && typeof a.zSet === "boolean"
    && [-1, 0, 1, 2, 3, 4].includes(a.quality) && [null, 0, 1].includes(a.bal)
    && [...a.issue].every((letter) => ISSUES.some(([l]) => l === letter)) && !Number.isNaN(Date.parse(a.time));
  return good ? a : null;
}

// The time of a change: now, but always later than the change before it.
export function laterThan(before, now = new Date().toISOString()) {
  return now > before ? now : new Date(Date.parse(before) + 1).toISOString();
}

// A time that a page has written, and no spreadsheet since; undefined where it is something else.
export const written = (time) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time) && time <= new Date().toISOString() && !Number.isNaN(Date.parse(time)) ? time : undefined);

// What may be undone: each step holds how everything was before it.
export class Undo {
  #steps = [];

  push(step) { this.#steps.push(structuredClone(step)); }

  pop() { return this.#steps.pop(); }

  // What somebody else changed meanwhile is not theirs to take back.
  forget(index) { this.#steps = this.#steps.filter((step) => step.index !== index); }

  clear() { this.#steps = []; }
}
