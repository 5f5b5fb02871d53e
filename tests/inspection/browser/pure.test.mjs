// The modules of the inspection page that compute, without a page: node --test.
import assert from "node:assert/strict";
import { test } from "node:test";

const browser = new URL("../../../workflow_scripts/quasarnet_al/inspection/browser/", import.meta.url);
const load = (name) => import(new URL(`${name}.js`, browser));
const [base, layout, answers, spectra, match, features, csv] = await Promise.all(["base", "layout", "answers", "spectra", "match", "features", "csv"].map(load));

const near = (found, expected, tolerance) => assert.ok(Math.abs(found - expected) <= tolerance, `${found} is not ${expected} ± ${tolerance}`);

// A generator of normal deviates that is the same on every machine.
function normals(seed) {
  let state = seed >>> 0;
  const uniform = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return (state + 0.5) / 4294967296; };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

// A spectrum on the page's pixels: `model` of the observed wavelength, and noise.
function made(model, sigma = 0.3, seed = 1) {
  const normal = normals(seed), n = 7781;
  const wavelength = Float64Array.from({ length: n }, (_, i) => 3600 + 0.8 * i);
  const s = { full: true, wavelength, flux: wavelength.map((w) => model(w) + sigma * normal()), ivar: new Float64Array(n).fill(1 / sigma ** 2) };
  return prepare(s);
}
function prepare(s) {
  s.spikes = spectra.spikes(s);
  s.trusted = s.ivar.map((w, i) => (s.spikes[i] ? 0 : w));
  s.grid = spectra.rebin(s, spectra.LOG_STEP, spectra.GRID_SIZE);
  s.first = 0;
  s.last = s.flux.length - 1;
  return s;
}
const gauss = (w, centre, width) => Math.exp(-(((w - centre) / width) ** 2) / 2);

// Templates packed as record.py packs them.
function packed(name, spectype, model) {
  const first = Math.log10(500), step = 2.5e-4, n = Math.floor((Math.log10(11000) - first) / step);
  const values = Array.from({ length: n }, (_, i) => model(10 ** (first + i * step)));
  const low = Math.min(...values), high = Math.max(...values);
  const codes = Int16Array.from(values, (v) => Math.round(((v - low) / (high - low)) * 65535 - 32768));
  return { name, spectype, first, step, low, high, values: Buffer.from(codes.buffer).toString("base64") };
}
const quasar = (w) => (w / 2000) ** -1.5 + 3 * gauss(w, 1215.67, 15) + 1.2 * gauss(w, 1549.06, 18) + 0.6 * gauss(w, 1908.73, 20) + 0.6 * gauss(w, 2799.12, 22);
const emitter = (w) => 1 + gauss(w, 3728.48, 3) + 0.5 * gauss(w, 4862.68, 3) + gauss(w, 5008.24, 3) + 1.5 * gauss(w, 6564.61, 3);
const star = (w) => 1.5 - 0.5 * gauss(w, 4862.68, 12) - 0.5 * gauss(w, 4341.68, 12) - 0.5 * gauss(w, 6564.61, 12) - 0.4 * gauss(w, 4102.89, 12);
const TEMPLATES = match.prepared([packed("quasar", "QSO", quasar), packed("emitter", "GALAXY", emitter), packed("star", "STAR", star)]);

test("a typed redshift", () => {
  assert.deepEqual(["1.2", " 1,2 ", ".5", "-0.002", "1e-3"].map(base.typedRedshift), [1.2, 1.2, 0.5, -0.002, 0.001]);
  assert.deepEqual(["", "abc", "1.2.3", "1,000,0", "0x10", "Infinity", "1 2"].map(base.typedRedshift), Array(7).fill(null));
});

// Layout, what the key types, its place, Shift or AltGr, and what it means to the page.
const KEYS = [
  ["US", "4", "Digit4", "", "4"], ["US", "$", "Digit4", "shift", "$"], ["US", "<", "Comma", "shift", ","], ["US", "Q", "KeyQ", "shift", "q"],
  ["CapsLock", "Q", "KeyQ", "", "q"], ["keypad", "4", "Numpad4", "", "4"], ["keypad without NumLock", "ArrowLeft", "Numpad4", "", "ArrowLeft"],
  ["keypad", ".", "NumpadDecimal", "", "."], ["Dvorak", "q", "KeyX", "", "q"], ["Dvorak", "w", "Comma", "", "w"],
  ["AZERTY", "'", "Digit4", "", "4"], ["AZERTY", "4", "Digit4", "shift", "4"], ["AZERTY", "à", "Digit0", "", "0"], ["AZERTY", "q", "KeyA", "", "q"],
  ["AZERTY", ",", "KeyM", "", ","], ["AZERTY", ";", "Comma", "", ";"], ["AZERTY", ".", "Comma", "shift", "."], ["AZERTY", "?", "KeyM", "shift", "?"],
  ["QWERTZ", "z", "KeyY", "", "z"], ["QWERTZ", ";", "Comma", "shift", ","], ["QWERTZ", "/", "Digit7", "shift", "/"], ["QWERTZ", "¼", "Digit4", "altgr", ""],
  ["Czech", "č", "Digit4", "", "4"], ["Polish", "ś", "KeyS", "altgr", ""], ["Vietnamese", "4", "Digit4", "altgr", "4"], ["Vietnamese", "ô", "Digit4", "", "4"],
  ["Cyrillic", "п", "KeyG", "", "g"], ["Cyrillic", "Й", "KeyQ", "shift", "q"], ["Cyrillic", "б", "Comma", "", ","], ["Greek", "σ", "KeyS", "", "s"], ["Arabic", "٤", "Digit4", "", "4"],
  // Another key than its cap says must not be taken: here 3 is Shift with this one.
  ["Programmer Dvorak", "}", "Digit4", "", "}"], ["Programmer Dvorak", "3", "Digit4", "shift", "3"], ["Turkish F", "ü", "KeyG", "", "ü"],
  ["dead key", "Dead", "Digit4", "", ""], ["input method", "Process", "Digit4", "", ""], ["Mac, Option", "ß", "KeyS", "", "ß"],
];
test("keys mean what their caps say, on whatever layout", () => {
  for (const [name, key, code, modifier, expected] of KEYS) {
    const event = { key, code, shiftKey: modifier === "shift", getModifierState: (state) => state === "AltGraph" && modifier === "altgr" };
    assert.equal(layout.nameOfKey(event), expected, `${name}: ${key} at ${code}`);
  }
  assert.equal(layout.nameOfKey({}), "");
  for (const more of [{ isComposing: true }, { keyCode: 229 }]) assert.equal(layout.nameOfKey({ key: "4", code: "Digit4", ...more }), "");
});

test("how sure the best fit is", () => {
  assert.deepEqual([[0, 4], [0, 16], [0, 100], [0, Infinity], [30, 0]].map(([behind, next]) => match.confidence(behind, next).short), ["ambiguous", "likely", "clear", "clear", "Δχ² 30"]);
  assert.match(match.confidence(0, 16).words, /4\.0 standard deviations/);
});

test("class and redshift that contradict each other", () => {
  for (const [spectype, z] of [["STAR", 0.0101], ["STAR", 2.3], ["QSO", 0], ["QSO", 0.0099], ["GALAXY", 7.3], ["QSO", NaN]]) assert.notEqual(answers.contradiction(spectype, z), "", `${spectype} ${z}`);
  for (const [spectype, z] of [["STAR", 0.01], ["STAR", -0.01], ["QSO", 0.01], ["GALAXY", 0], ["", 3], ["QSO", null]]) assert.equal(answers.contradiction(spectype, z), "");
});

test("what a store holds is an answer or nothing", () => {
  const good = { ...answers.EMPTY, spectype: "QSO", z: 2.1, quality: 4, time: "2026-01-01T00:00:00.000Z" };
  assert.deepEqual(answers.sane(good), good);
  for (const broken of [null, 3, "x", {}, { ...good, quality: 9 }, { ...good, z: "2" }, { ...good, z: 99 }, { ...good, spectype: "<b>" }, { ...good, time: "then" }, { ...good, issue: "RX" }, { ...good, comment: null }]) {
    assert.equal(answers.sane(broken), null, JSON.stringify(broken));
  }
});

test("each change is later than the one before, even with a clock set back", () => {
  const future = new Date(Date.now() + 1e7).toISOString();
  assert.ok(answers.laterThan(future) > future);
  assert.ok(answers.laterThan("") > "2026");
});

test("an undo holds how things were, not how they are", () => {
  const undo = new answers.Undo(), step = { answer: { z: 1 } };
  undo.push(step);
  step.answer.z = 2;
  assert.equal(undo.pop().answer.z, 1);
  assert.equal(undo.pop(), undefined);
});

test("smoothing weights by ivar and gives the error of what it gives", () => {
  const s = { flux: Float64Array.of(1, 5, 3), ivar: Float64Array.of(1, 0, 4) };
  const { flux, error } = spectra.smoothed(s, 1), k = (j) => Math.exp(-(j * j) / 2);
  near(flux[0], (1 * k(0) + 4 * 3 * k(2)) / (k(0) + 4 * k(2)), 1e-12);
  near(error[0], Math.sqrt(k(0) ** 2 + 4 * k(2) ** 2) / (k(0) + 4 * k(2)), 1e-12);
});

test("rebinning is the mean weighted by ivar and leaves spikes out", () => {
  const s = made(() => 2, 0.1), at = 3000;
  s.flux[at] = 500;
  prepare(s);
  assert.equal(s.spikes[at], 1);
  for (let i = 1; i < 430; i++) near(s.grid.flux[i], 2, 0.25);
});

test("lines as narrow as the spectrograph makes them are not spikes", () => {
  for (const shift of [0, 0.2, 0.4]) {
    const s = made((w) => 1 + 100 * gauss(w, 6000 + shift, 0.76) - 0.9 * gauss(w, 5000 + shift, 0.76) + 20 * gauss(w, 8000 + shift, 1), 0.3);
    assert.equal(s.spikes.reduce((a, b) => a + b), 0);
  }
});

test("nor are such lines of any strength, wherever their pixels lie", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const strengths = Array.from({ length: 60 }, (_, k) => [3700 + 100 * k + 0.027 * seed, 3 * 1.07 ** k]);
    const s = made((w) => strengths.reduce((sum, [centre, peak]) => sum + (Math.abs(w - centre) < 8 ? 0.3 * peak * gauss(w, centre, 0.76) : 0), 1), 0.3, seed);
    assert.equal(s.spikes.reduce((a, b) => a + b), 0, `seed ${seed}`);
  }
});

test("pixels of 60 to 100 errors do not change the best redshift", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const z = 1 + 0.2 * seed, clean = made((w) => 2 * quasar(w / (1 + z)), 0.3, seed), spiked = made((w) => 2 * quasar(w / (1 + z)), 0.3, seed);
    // Three apart, and three side by side.
    const at = seed % 2 ? [900 + 31 * seed, 3001 + 17 * seed, 5200 + 29 * seed] : [2000 + 300 * seed, 2001 + 300 * seed, 2002 + 300 * seed];
    at.forEach((place, k) => { spiked.flux[place] += 0.3 * [60, 80, 100][k]; });
    prepare(spiked);
    const best = [clean, spiked].map((s) => match.matches(s, TEMPLATES)[0]);
    assert.equal(best[1].name, "quasar");
    near(best[1].z, best[0].z, 0.002);
    near(best[1].z, z, 0.02);
  }
});

test("the matrix solver", () => {
  assert.deepEqual(match.solve([[0, 2], [4, 0]], [6, 8]), [2, 3]);
  assert.equal(match.solve([[1, 2], [2, 4]], [1, 2]), null);
});

test("a fit of the template shown stays in its range, or says that there is none", () => {
  const z = 0.8, galaxy = made((w) => emitter(w / (1 + z)), 0.2), [qso, emission, stellar] = TEMPLATES;
  near(match.refine(galaxy, emission, z + 0.01), z, 2e-4);
  const fitted = match.refine(made((w) => star(w), 0.1), stellar, 0.02);
  near(fitted, 0, 3e-4);
  // Nothing of a star's fits a rising line without a feature.
  assert.equal(match.refine(made((w) => w / 5000, 1e-3), qso, 7), null);
});

test("absorption is taken at its minimum, emission at its maximum", () => {
  const z = 0.4, k = 3934.77 * (1 + z), h = 3969.59 * (1 + z), o2 = 3728.48 * (1 + z);
  const s = made((w) => 3 - 1.5 * gauss(w, k, 7) - 1.5 * gauss(w, h, 7) + 2 * gauss(w, o2, 3), 0.15);
  for (const off of [-6, 0, 6]) {
    const found = features.extremumNear(s, k + off, 6, -1);
    near(((found.wavelength - k) / k) * base.C_KM_S, 0, 100);
    near(((features.extremumNear(s, o2 + off, 6, 1).wavelength - o2) / o2) * base.C_KM_S, 0, 100);
  }
  near(features.findFeatures(s, 1)[0], o2, 3);
  assert.ok(features.findFeatures(s, -1).some((w) => Math.abs(w - k) < 25));
});

test("a peak of several pixels is never cut off, a spike is", () => {
  const s = made((w) => 1 + 40 * gauss(w, 7000, 1.6), 0.2), sharp = made(() => 1, 0.2);
  sharp.flux[3000] = 41;
  prepare(sharp);
  for (const sigma of [0, 4]) {
    const c = spectra.smoothed(s, sigma), top = Math.max(...c.flux);
    assert.ok(spectra.fluxRange(s, c, 3550, 9900, false)[1] > top);
  }
  assert.ok(spectra.fluxRange(sharp, spectra.smoothed(sharp, 0), 3550, 9900, false)[1] < 5);
  assert.ok(spectra.fluxRange(sharp, spectra.smoothed(sharp, 0), 3550, 9900, true)[1] > 41);
});

const TARGET = { targetid: "39627640553871919", tileid: 80605, redrock: { spectype: "STAR", z: 0.3 } };
const now = "2026-01-01T00:00:00.000Z";
const written = (answer, name = "Ann") => csv.toCsv([TARGET], () => ({ ...answers.EMPTY, time: now, ...answer }), name).split("\n")[1];

test("what is incomplete or withdrawn is written with quality -1", () => {
  assert.match(written({ quality: 4, spectype: "QSO", z: 2.1 }), /,Ann,4,,2\.1000,QSO,/);
  assert.match(written({ quality: 4, z: 2.1 }), /,Ann,-1,,2\.1000,,/);
  assert.match(written({ quality: 4, spectype: "STAR", z: 2.1 }), /,Ann,-1,/);
  assert.match(written({}), /,Ann,-1,,,,/);
  assert.equal(csv.toCsv([TARGET], () => answers.EMPTY, "Ann").trim().split("\n").length, 1);
});

test("columns of prospect are written where the production says them", () => {
  const [header, row] = csv.toCsv([{ ...TARGET, night: 20210204, redrock: { ...TARGET.redrock, deltachi2: 12.34 }, versions: { redrock: "0.15.4" } }], () => ({ ...answers.EMPTY, time: now, quality: 0 }), "Ann").split("\n");
  assert.equal(header, "TARGETID,NIGHT,TILEID,Redrock_version,Redrock_spectype,Redrock_z,Redrock_deltachi2,VI_scanner,VI_quality,VI_issue,VI_z,VI_spectype,VI_comment,VI_BAL,VI_shown,VI_time,VI_answer");
  assert.equal(row, `39627640553871919,20210204,80605,0.15.4,STAR,0.3000,12.3,Ann,0,,,,,,,${now},39627640553871919|0||||`);
});

test("names keep letters of any script", () => {
  const names = ["Ann Example", "Анна", "张伟", "René", "../x"].map((name) => csv.fileName("t", name));
  assert.deepEqual(names, ["desi-vi_t_Ann-Example.csv", "desi-vi_t_Анна.csv", "desi-vi_t_张伟.csv", "desi-vi_t_René.csv", "desi-vi_t_-x.csv"]);
});

test("the CSV comes back as it went out", () => {
  const answer = { quality: 3, spectype: "QSO", z: 2.1, zSet: true, comment: '=1+1, "odd"; é', issue: "RC", bal: 1 };
  const { rows: [[target, name, found]] } = csv.readCsv(csv.toCsv([TARGET], () => ({ ...answers.EMPTY, time: now, ...answer }), "Ann"), [TARGET.targetid]);
  assert.deepEqual([target, name], [TARGET.targetid, "Ann"]);
  for (const [key, value] of Object.entries(answer)) assert.equal(found[key], value, key);
});

test("an import refuses what contradicts itself and says what it leaves out", () => {
  const text = "TARGETID,VI_quality,VI_z,VI_spectype\n39627640553871919,4,2.3,STAR\n1,4,2.1,QSO\n";
  const found = csv.readCsv(text, [TARGET.targetid]);
  assert.deepEqual([found.rows.length, found.refused.length, found.elsewhere], [0, 1, 1]);
  assert.match(csv.refusals(found), /star/);
  const other = csv.readCsv(`TARGETID,VI_quality,VI_z,VI_spectype\n${"1,4,2.1,QSO\n".repeat(50)}`, [TARGET.targetid]);
  assert.equal(csv.refusals(other), "None of its 50 rows is about a spectrum of this page: it belongs to another batch.");
});

test("a column that was sorted by itself is found", () => {
  const text = csv.toCsv([TARGET], () => ({ ...answers.EMPTY, time: now, quality: 4, spectype: "QSO", z: 2.1 }), "Ann");
  const other = csv.readCsv(text.replace("39627640553871919,", "7,"), [TARGET.targetid, "7"]);
  assert.equal(other.rows.length, 0);
  assert.match(csv.refusals(other), /not what VI_answer says/);
  for (const [from, to] of [[",4,", ",3,"], [",2.1000,", ",2.2000,"], [",QSO,", ",GALAXY,"]]) {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text);
    assert.equal(csv.readCsv(changed, [TARGET.targetid]).rows.length, 1, to);
  }
});

test("a galaxy needs no redshift, a quasar does", () => {
  const read = (spectype) => csv.readCsv(`TARGETID,VI_quality,VI_z,VI_spectype\n${TARGET.targetid},3,,${spectype}\n`, [TARGET.targetid]);
  const [[, , galaxy]] = read("GALAXY").rows;
  assert.ok(answers.isComplete({ ...answers.EMPTY, ...galaxy }));
  assert.match(read("QSO").refused[0], /without a redshift/);
  assert.ok(!answers.isComplete({ ...answers.EMPTY, quality: 3, spectype: "QSO" }));
});
