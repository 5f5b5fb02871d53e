import { contradiction, differs, isComplete } from "./answers.js";
import { CLASSES, ISSUES, isNumber, plural, round4, STAR_Z, typedRedshift, Z_MAX, Z_MIN } from "./base.js";

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
  VI_answer: (...row) => SAID.map((name) => COLUMNS[name](...row)).join("|"),
};
// What VI_answer says once more, so that a column that was sorted by itself is found (vi.py).
const SAID = ["TARGETID", "VI_quality", "VI_issue", "VI_z", "VI_spectype", "VI_BAL"];
// Columns of prospect that are left out where the files of the production do not say.
const OPTIONAL = ["EXPID", "NIGHT", "Spec_version", "Redrock_version", "Template_version", "Redrock_deltachi2"];

// An apostrophe keeps a spreadsheet from running text as a formula, as `harmless` of tables.py says.
const UNMARKED = /(^|;)(?=[\s'"]*[=+\-@＝＋－＠\t])/g;
const MARKED = /(^|;)'(?=[\s'"]*[=+\-@＝＋－＠\t])/g;
const harmless = (text) => (isNumber(text) ? text : text.replace(UNMARKED, "$1'"));

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

// Splits a line as `split_record` of tables.py does: proper CSV, or older prospect's. Null where
// a quote is not closed.
export function splitRecord(line, delimiter) {
  if (delimiter === " " && !line.includes('"')) return line.trim().split(/\s+/);
  if (delimiter === " ") line = line.trim();
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
    while (delimiter === " " && line[at] === " ") at += 1;
  }
}

const timesIn = (line, text) => line.split(text).length - 1;

// Joins the lines of each row as `_whole` of tables.py does: [number of the first line, text].
function wholeRows(lines, size, delimiter) {
  const field = `(?:"(?:[^"]|"")*"|[^"${delimiter}]*)`, proper = new RegExp(`^${field}(?:${delimiter}${field}){${size - 1}}$`);
  const rows = [];
  for (let at = 0; at < lines.length;) {
    let end = at + 1, quotes = timesIn(lines[at][1], '"'), isRow = delimiter === " ";
    while (quotes % 2 && !isRow && end < lines.length) {
      quotes += timesIn(lines[end][1], '"');
      isRow = timesIn(lines[end][1], delimiter) >= size - 1;
      end += 1;
    }
    const text = lines.slice(at, end).map(([, line]) => line).join(" "), joined = end > at + 1 && !isRow && proper.test(text);
    rows.push(joined ? [lines[at][0], text] : lines[at]);
    at = joined ? end : at + 1;
  }
  return rows;
}

const NEEDED = ["TARGETID", "VI_quality", "VI_z", "VI_spectype"];
function headerOf(line) {
  const between = [",", ";", "\t"].reduce((best, d) => (timesIn(line, d) > timesIn(line, best) ? d : best));
  const delimiter = line.includes(between) ? between : " ";
  const names = (splitRecord(line, delimiter) || []).map((name) => name.trim()), plain = names.map((name) => name.toUpperCase());
  return { names, delimiter, known: NEEDED.filter((name) => plain.includes(name.toUpperCase())).length };
}

// The header of a table of text, and its rows [number of the line, fields or null], as `records`
// of tables.py reads them.
export function readRecords(text) {
  let lines = text.split(/\r\n|\r|\n/).map((line, at) => [at + 1, line]).filter(([, line]) => line.trim());
  const first = lines.findIndex(([, line]) => !line.startsWith("#"));
  if (first < 0) return { names: [], rows: [] };
  const comment = first && headerOf(lines[first - 1][1].replace(/^#+/, ""));
  let header = headerOf(lines[first][1]);
  if (!header.names.length) return { names: [], rows: [] };
  lines = lines.slice(comment && comment.known > header.known ? first : first + 1);
  if (comment && comment.known > header.known) header = comment;
  const { names, delimiter } = header, size = names.length, rows = [];
  for (const [number, line] of wholeRows(lines, size, delimiter)) {
    let fields = splitRecord(line, delimiter);
    if (fields && fields.length > size && names.at(-1).toUpperCase() === "VI_COMMENT") {
      fields = [...fields.slice(0, size - 1), fields.slice(size - 1).join(delimiter)];
    }
    const isHeader = fields && fields.length === size && fields.every((name, i) => name.trim() === names[i]);
    if (line.replaceAll(delimiter, "").trim() && !isHeader) rows.push([number, fields]);
  }
  return { names, rows };
}

// Reads a CSV of a page or of prospect for the given TARGETIDs, as `read_vi` does. Returns `error`,
// or `rows` of [TARGETID, inspector, answer], `refused` with reasons, and how many rows are of
// other spectra.
export function readCsv(text, targetids) {
  if (text.includes("\0")) return { error: "The file is not text." };
  const { names, rows: records } = readRecords(text.replace(/^\ufeff/, ""));
  if (!names.length) return { error: "The file is empty, or its header line has a quote that is not closed." };
  for (const name of NEEDED) {
    if (!names.includes(name)) return { error: `The file has no column ${name}, so it is not a VI table.` };
  }
  const twice = names.find((name, at) => name && names.indexOf(name) < at);
  if (twice) return { error: `The file names the column ${twice} twice.` };
  const numbers = records.map(([, fields]) => (fields?.[names.indexOf("TARGETID")] ?? "").trim()).filter(isWholeNumber), to = rounding(numbers);
  if (to) return { error: `All TARGETIDs of the file are rounded to ${to}, as a spreadsheet does: take the CSV as it was saved.` };
  const here = new Set(targetids), found = new Map(), rows = [], refused = [];
  let elsewhere = 0;
  const cells = records.map(([, fields]) => Object.fromEntries(names.map((name, i) => [name, (fields?.[i] ?? "").trim().replace(MARKED, "$1")])));
  const isWhole = ([, fields]) => fields?.length === names.length;
  const alone = sortedColumns(cells.filter((_, at) => isWhole(records[at])));
  records.forEach(([number, fields], at) => {
    const cell = cells[at], readable = isWholeNumber(cell.TARGETID), targetid = readable ? String(BigInt(cell.TARGETID)) : cell.TARGETID;
    const cut = isWhole(records[at]) ? "" : fields ? `${fields.length} fields, not ${names.length}` : "a quote is not closed";
    const broken = cut || (readable ? "" : `TARGETID ${cell.TARGETID} is not a whole number: did a spreadsheet round it?`);
    if (!broken && !here.has(targetid)) { elsewhere += 1; return; }
    const answer = broken || movedIn(cell, alone) || answerIn(cell);
    if (typeof answer === "string") refused.push(`line ${number}: ${answer}`);
    else found.set(targetid, [...(found.get(targetid) || []), [cell.VI_scanner || "", answer]]);
  });
  // A page cannot choose between the answers of several people, or of one who changed them.
  for (const [targetid, [[name, answer], ...others]] of found) {
    if (others.some(([, other]) => differs(other, answer))) refused.push(`${targetid}: ${others.length + 1} different answers`);
    else rows.push([targetid, name, answer]);
  }
  return { rows, refused, elsewhere };
}

const isWholeNumber = (text) => /^-?\d+$/.test(text);

// To what all TARGETIDs of a file were rounded, as `rounding` of tables.py finds it, or "": a rounded
// TARGETID may be that of another spectrum.
function rounding(texts) {
  const ids = [...new Set(texts)].map(BigInt), size = (id, base) => id.toString(base).replace("-", "").length;
  const units = [["15 digits", (id) => 10n ** BigInt(Math.max(0, size(id, 10) - 15))], ["double precision", (id) => 2n ** BigInt(Math.max(0, size(id, 2) - 53))]];
  const isRounded = ([, unit]) => ids.reduce((sum, id) => sum + Math.log10(Number(unit(id))), 0) >= 6 && ids.every((id) => id % unit(id) === 0n);
  return units.find(isRounded)?.[0] ?? "";
}

// A number in a cell: `empty` where it has nothing, NaN where it has something else.
const valueOf = (text = "", empty = null) => (["", "nan", "NaN", "None", "--"].includes(text) ? empty : typedRedshift(text) ?? NaN);

// The answer in the cells of a row, or why it is refused.
function answerIn(cell) {
  const isClass = (name) => CLASSES.some(([c]) => c === name);
  const quality = valueOf(cell.VI_quality, -1), bal = valueOf(cell.VI_BAL), redrock = valueOf(cell.Redrock_z);
  if (![-1, 0, 1, 2, 3, 4].includes(quality)) return `VI_quality ${cell.VI_quality}`;
  let z = valueOf(cell.VI_z);
  if (z !== null && !(z >= Z_MIN && z <= Z_MAX)) return `VI_z ${cell.VI_z}`;
  if (Number.isNaN(redrock)) return `Redrock_z ${cell.Redrock_z}`;
  let spectype = cell.VI_spectype.toUpperCase();
  if (spectype && !isClass(spectype)) return `VI_spectype ${cell.VI_spectype}`;
  if (![null, 0, 1, -1].includes(bal)) return `VI_BAL ${cell.VI_BAL}`;
  const zSet = z !== null;
  if (quality >= 2) {
    // Empty means that the inspector accepts redrock's.
    const fitted = (cell.Redrock_spectype || "").toUpperCase();
    if (!spectype && isClass(fitted)) spectype = fitted;
    if (z === null && redrock !== null && redrock >= Z_MIN && redrock <= Z_MAX) z = redrock;
    if (spectype === "STAR" && !zSet && !(z !== null && Math.abs(z) <= STAR_Z)) z = 0;
    if (quality > 2 && !spectype) return "no class";
    if (quality > 2 && spectype === "QSO" && z === null) return "a quasar without a redshift";
    const why = contradiction(spectype, z);
    if (why) return why;
  }
  return {
    spectype, z: z === null ? null : round4(z), zSet, quality, bal: bal === -1 ? null : bal,
    issue: ISSUES.map(([l]) => l).filter((l) => (cell.VI_issue || "").toUpperCase().includes(l)).join(""),
    comment: cell.VI_comment || "", shown: cell.VI_shown || "", time: cell.VI_time || "",
  };
}

// What VI_answer says of the columns that a row has: [name, as it is compared, as the cell is].
function said(cell) {
  const texts = (cell.VI_answer || "").split("|");
  return cell.VI_answer ? SAID.map((name, i) => [name, plain(texts[i]), plain(cell[name])]).filter(([name]) => name in cell) : [];
}
function plain(text = "") {
  const cell = text.trim();
  return /^-?\d+$/.test(cell) ? String(BigInt(cell)) : String(typedRedshift(cell) ?? cell.toLowerCase());
}

// The columns that were sorted or moved by themselves, as `_sorted_columns` of vi.py finds them.
function sortedColumns(cells) {
  const all = cells.flatMap(said);
  return SAID.filter((name) => {
    const pairs = all.filter(([of]) => of === name), other = pairs.filter(([, one, two]) => one !== two).length;
    const [one, two] = [1, 2].map((side) => JSON.stringify(pairs.map((pair) => pair[side]).sort()));
    return other > 0 && (one === two || other > Math.max(2, pairs.length / 2));
  });
}

// Why a row's answer may be about another spectrum, or "".
function movedIn(cell, alone) {
  const other = said(cell).find(([name, one, two]) => ["TARGETID", ...alone].includes(name) && one !== two);
  return other ? `${other[0]} ${cell[other[0]]} is not what VI_answer says: was one column sorted by itself?` : "";
}

// What an import says of the rows that it does not take, in one sentence; "" where it takes all.
export function refusals({ rows, refused, elsewhere }) {
  if (!rows.length && !refused.length && elsewhere) return `None of its ${plural(elsewhere, "row")} is about a spectrum of this page: it belongs to another batch.`;
  const parts = [];
  if (elsewhere) parts.push(`${plural(elsewhere, "row")} of other spectra`);
  if (refused.length) parts.push(refused.slice(0, 3).join("; ") + (refused.length > 3 ? `; and ${refused.length - 3} more` : ""));
  return parts.length ? `Not taken: ${parts.join("; ")}.` : "";
}
