import { contradiction, differs, isComplete } from "./answers.js";
import { CLASSES, ISSUES, plural, round4, STAR_Z, Z_MAX, Z_MIN } from "./base.js";

// The CSV of a page: what prospect writes, and three columns more (vi.py). Pure.

const number = (value, digits) => (value === null || value === undefined ? "" : value.toFixed(digits));
// Each column, and its cell for a spectrum, its answer and the inspector.
const COLUMNS = {
  TARGETID: (s) => s.targetid,
  EXPID: (s) => s.expid ?? "",
  NIGHT: (s) => s.night ?? "",
  TILEID: (s) => s.tileid ?? -1,
  Spec_version: (s) => s.versions?.spec ?? "",
  Redrock_version: (s) => s.versions?.redrock ?? "",
  Template_version: (s) => s.versions?.template ?? "",
  Redrock_spectype: (s) => s.redrock?.spectype ?? "",
  Redrock_z: (s) => number(s.redrock?.z, 4),
  Redrock_deltachi2: (s) => number(s.redrock?.deltachi2, 1),
  VI_scanner: (s, a, inspector) => harmless(inspector),
  VI_quality: (s, a) => (isComplete(a) ? a.quality : -1),
  VI_issue: (s, a) => a.issue,
  VI_z: (s, a) => number(a.z, 4),
  VI_spectype: (s, a) => a.spectype,
  VI_comment: (s, a) => harmless(a.comment),
  VI_BAL: (s, a) => a.bal ?? "",
  VI_shown: (s, a) => a.shown,
  VI_time: (s, a) => a.time,
};
// Columns of prospect that are left out where the files of the production do not say.
const OPTIONAL = ["EXPID", "NIGHT", "Spec_version", "Redrock_version", "Template_version", "Redrock_deltachi2"];

// An apostrophe keeps a spreadsheet from running text as a formula.
const harmless = (text) => (/^'*[=+\-@]/.test(text) && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? `'${text}` : text);

function cellText(value) {
  const text = String(value).replace(/[\r\n]+/g, " ");
  return /[",;']|^\s|\s$/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

// One row per spectrum that was ever answered: an incomplete or withdrawn answer has quality
// -1, so that the row in a file that was handed in before no longer counts.
export function toCsv(spectra, answerOf, inspector) {
  const names = Object.keys(COLUMNS).filter((name) => !OPTIONAL.includes(name) || spectra.some((s) => COLUMNS[name](s) !== ""));
  const rows = [names.join(",")];
  for (const s of spectra) {
    const a = answerOf(s);
    if (a.time) rows.push(names.map((name) => cellText(COLUMNS[name](s, a, inspector))).join(","));
  }
  return `${rows.join("\n")}\n`;
}

// The name keeps letters and digits of any script.
export const fileName = (title, inspector) => `desi-vi_${title}_${inspector.normalize("NFC").replace(/[^\p{L}\p{M}\p{N}-]+/gu, "-") || "unknown"}.csv`;

// Splits a line as `split_record` of tables.py does: proper CSV, or older prospect's.
export function splitRecord(line, delimiter) {
  const fields = [], odd = `"${delimiter}"`;
  let at = 0;
  for (;;) {
    let field = "";
    const after = line[at + 2];
    const bare = line.startsWith('""', at) && after !== undefined && after !== '"' && after !== delimiter;
    if (line[at] === '"' && !bare) {
      const quoted = /"((?:[^"]|"")*)"/y;
      quoted.lastIndex = at;
      const match = quoted.exec(line);
      if (!match) return null;
      field = match[1].replace(/""/g, '"');
      at = quoted.lastIndex;
    }
    while (at < line.length && line[at] !== delimiter) {
      if (line.startsWith(odd, at)) { field += delimiter; at += 3; }
      else if (line.startsWith('""', at)) { field += '"'; at += 2; }
      else field += line[at++];
    }
    fields.push(field);
    if (at >= line.length) return fields;
    at += 1;
  }
}

// Reads a CSV of a page or of prospect for the given TARGETIDs. Returns `error`, or `rows` of
// [TARGETID, inspector, answer], `refused` with reasons, and how many rows are of other spectra.
export function readCsv(text, targetids) {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/).filter((line) => line.trim());
  if (!lines.length) return { error: "The file is empty." };
  const delimiter = [",", ";", "\t"].map((d) => [lines[0].split(d).length, d]).sort((a, b) => b[0] - a[0])[0][1];
  const header = (splitRecord(lines[0], delimiter) || []).map((name) => name.trim());
  for (const name of ["TARGETID", "VI_quality", "VI_z", "VI_spectype"]) {
    if (!header.includes(name)) return { error: `The file has no column ${name}, so it is not a VI table.` };
  }
  const here = new Set(targetids), found = new Map(), rows = [], refused = [];
  let elsewhere = 0;
  lines.slice(1).forEach((line, at) => {
    let fields = splitRecord(line, delimiter);
    if (fields && fields.length > header.length && header.at(-1) === "VI_comment") {
      fields = [...fields.slice(0, header.length - 1), fields.slice(header.length - 1).join(delimiter)];
    }
    if (!fields || fields.length !== header.length) return refused.push(`row ${at + 1}: broken line`);
    const cell = Object.fromEntries(header.map((name, i) => [name, fields[i].trim().replace(/^'(?='*[=+\-@])/, "")]));
    if (!here.has(cell.TARGETID)) { elsewhere += 1; return undefined; }
    const answer = answerIn(cell);
    if (typeof answer === "string") return refused.push(`row ${at + 1}: ${answer}`);
    found.set(cell.TARGETID, [...(found.get(cell.TARGETID) || []), [cell.VI_scanner || "", answer]]);
    return undefined;
  });
  // A page cannot choose between the answers of several people, or of one who changed them.
  for (const [targetid, [[name, answer], ...others]] of found) {
    if (others.some(([, other]) => differs(other, answer))) refused.push(`${targetid}: ${others.length + 1} different answers`);
    else rows.push([targetid, name, answer]);
  }
  return { rows, refused, elsewhere };
}

// The answer in the cells of a row, or why it is refused.
function answerIn(cell) {
  const isClass = (name) => CLASSES.some(([c]) => c === name);
  const quality = cell.VI_quality === "" ? -1 : Number(cell.VI_quality);
  if (![-1, 0, 1, 2, 3, 4].includes(quality)) return `VI_quality ${cell.VI_quality}`;
  let z = cell.VI_z === "" ? null : Number(cell.VI_z);
  if (z !== null && !(z >= Z_MIN && z <= Z_MAX)) return `VI_z ${cell.VI_z}`;
  let spectype = cell.VI_spectype.toUpperCase();
  if (spectype && !isClass(spectype)) return `VI_spectype ${cell.VI_spectype}`;
  const zSet = z !== null;
  if (quality >= 2) {
    // Empty means that the inspector accepts redrock's.
    const redrock = Number(cell.Redrock_z || NaN);
    if (!spectype && isClass(cell.Redrock_spectype)) spectype = cell.Redrock_spectype;
    if (z === null && redrock >= Z_MIN) z = spectype === "STAR" && redrock > STAR_Z ? 0 : redrock;
    const why = contradiction(spectype, z);
    if (why) return why;
  }
  return {
    spectype, z: z === null ? null : round4(z), zSet, quality, bal: cell.VI_BAL === "1" ? 1 : cell.VI_BAL === "0" ? 0 : null,
    issue: ISSUES.map(([l]) => l).filter((l) => (cell.VI_issue || "").toUpperCase().includes(l)).join(""),
    comment: cell.VI_comment || "", shown: cell.VI_shown || "",
  };
}

// What an import says of the rows that it does not take, in one sentence; "" where it takes all.
export function refusals({ rows, refused, elsewhere }) {
  if (!rows.length && !refused.length && elsewhere) return `None of its ${plural(elsewhere, "row")} is about a spectrum of this page: it belongs to another batch.`;
  const parts = [];
  if (elsewhere) parts.push(`${plural(elsewhere, "row")} of other spectra`);
  if (refused.length) parts.push(refused.slice(0, 3).join("; ") + (refused.length > 3 ? `; and ${refused.length - 3} more` : ""));
  return parts.length ? `Not taken: ${parts.join("; ")}.` : "";
}
