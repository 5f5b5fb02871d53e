import { differs, isEmpty, written } from "./answers.js";
import { plural } from "./base.js";
import { fileName, readCsv, refusals, toCsv } from "./csv.js";
import { banner, D, element, toast } from "./document.js";
import { commitComment, go } from "./actions.js";
import { answerOf, answers, change, plainName, refresh, session, view } from "./state.js";

// The CSV file of the page, out and in.

const indexOfTarget = new Map(D.spectra.map((record, index) => [record.targetid, index]));

export function download() {
  commitComment();
  const text = toCsv(D.spectra, (record) => answerOf(indexOfTarget.get(record.targetid)), session.inspector);
  const name = fileName(D.title, session.inspector);
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  session.downloaded = JSON.stringify(answers);
  refresh();
  toast(`${name}${D.labels_dir ? ` → put it into ${D.labels_dir}` : ""}`);
}

export async function importFile(file) {
  if (!session.inspector) return;
  const buffer = await file.arrayBuffer().catch(() => null);
  if (!buffer) { banner("import", `${file.name}: it cannot be read; is it a folder?`); return; }
  let text = new TextDecoder("utf-8").decode(buffer);
  if (text.includes("\ufffd")) text = new TextDecoder("latin1").decode(buffer);
  const found = readCsv(text, indexOfTarget.keys());
  if (found.error) { banner("import", `${file.name}: ${found.error}`); return; }
  const list = found.rows.map(([targetid, name, answer]) => ({ index: indexOfTarget.get(targetid), name, answer }))
    .map((row) => ({ ...row, time: answerOf(row.index).time }));
  // What was answered here and withdrawn comes back only where that is asked for.
  const fresh = list.filter(({ index, answer }) => !answerOf(index).time && !isEmpty(answer));
  const differing = list.filter(({ index, answer }) => answerOf(index).time && differs(answer, answerOf(index)));
  const names = [...new Set(list.map(({ name }) => name))].filter((name) => name && name !== session.inspector);
  // My answer of another browser was given when the file says: taken now it would be another one
  // beside that file.
  const given = ({ time, name, answer }) => (!time && ["", plainName(session.inspector)].includes(plainName(name)) ? written(answer.time) : undefined);
  const take = (chosen) => {
    // What was answered while the question stood is newer than the file.
    const taken = chosen.filter(({ index, time }) => answerOf(index).time === time);
    for (const row of taken) change(row.index, row.answer, { keepShown: true, time: given(row) });
    go(view.index);
    toast(`${plural(taken.length, "answer")} taken from the file${taken.length < chosen.length ? `; ${chosen.length - taken.length} answered here meanwhile stay` : ""}`);
  };
  const refused = refusals(found);
  if (!list.length) { banner("import", `${file.name}: ${refused || "it has no answers."}`); return; }
  const says = [`${file.name}: ${plural(fresh.length, "new answer")}, ${differing.length} that differ from yours.`, refused];
  if (names.length) says.push(`They are by ${names.join(", ")} and become ${session.inspector}'s.`);
  const actions = [];
  if (fresh.length) actions.push([`Take the ${fresh.length} new`, () => take(fresh)]);
  if (differing.length) actions.push([`Take all ${fresh.length + differing.length}`, () => take([...fresh, ...differing])]);
  if (actions.length && (names.length || differing.length)) { banner("import", says.filter(Boolean).join(" "), ...actions, ["Cancel", () => {}]); return; }
  if (fresh.length) take(fresh);
  if (refused || !fresh.length) banner("import", says.filter(Boolean).join(" "));
}
