"use strict";
// The inspection page. Everything that comes from a file reaches the document through
// textContent or a canvas, never as markup.

const D = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const N = D.spectra.length;
const CLASSES = [["QSO", "Q"], ["GALAXY", "G"], ["STAR", "S"]];
const ISSUES = [["R", "z", "bad redshift"], ["C", "class", "bad class"], ["S", "data", "bad spectrum"]];
const MEANING = {
  4: "4 confident: two or more secure features",
  3: "3 probable: one secure or many weak features",
  2: "2 possible: one strong feature, not sure which",
  1: "1 unlikely: signal, but nothing to identify",
  0: "0 nothing there",
};
const STAR_Z = 0.01;
const Z_MIN = -0.01;
const Z_MAX = 7.2;
const KEY = `quasarnet-al/${D.title}/${D.hash}`;
const C_KM_S = 299792.458;

function element(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
const keycap = (text) => element("kbd", { textContent: text });
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

// ---------------------------------------------------------------- data

function bytes(text) {
  const binary = atob(text);
  const result = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) result[i] = binary.charCodeAt(i);
  return result;
}

// FITS and the packed codes are little-endian here, as every browser's machine is.
function small(packed) {
  const codes = new Int16Array(bytes(packed.values).buffer);
  const step = (packed.high - packed.low) / 65535;
  return Float64Array.from(codes, (code) => packed.low + (code + 32768) * step);
}

const LOG_STEP = 1e-3;
const LOG_FIRST = Math.log10(D.grid.first);
const GRID_SIZE = 443;

function pixelWavelength(i) {
  return D.grid.kind === "log" ? D.grid.first * 10 ** ((i + 0.5) * D.grid.step) : D.grid.first + (i + 0.5) * D.grid.step;
}

// Sums of ivar and of flux * ivar in pixels of `step` dex from 3600 A.
function rebin(s, step, size) {
  const weight = new Float64Array(size), sum = new Float64Array(size);
  for (let i = 0; i < s.wavelength.length; i++) {
    const ivar = s.ivar[i];
    if (!(ivar > 0)) continue;
    const pixel = Math.floor((Math.log10(s.wavelength[i]) - LOG_FIRST) / step + 1e-9);
    if (pixel < 0 || pixel >= size) continue;
    weight[pixel] += ivar;
    sum[pixel] += ivar * s.flux[i];
  }
  const flux = sum.map((x, i) => (weight[i] > 0 ? x / weight[i] : 0));
  return { flux, weight };
}

const unpacked = new Map();
function spectrum(index) {
  if (unpacked.has(index)) return unpacked.get(index);
  const record = D.spectra[index];
  const pixels = small(record.pixels);
  let s;
  if (record.coadd) {
    const { scale, low, high } = record.coadd;
    const codes = new Int16Array(bytes(record.coadd.flux).buffer);
    const errors = bytes(record.coadd.error);
    const reach = Math.asinh(1e6), n = codes.length;
    s = { full: true, wavelength: new Float64Array(n), flux: new Float64Array(n), ivar: new Float64Array(n) };
    const ratio = Math.log(high / low) / 254;
    for (let i = 0; i < n; i++) {
      s.wavelength[i] = D.wavelength.first + i * D.wavelength.step;
      if (errors[i] === 255) continue;
      s.flux[i] = scale * Math.sinh((codes[i] / 32767) * reach);
      const error = low * Math.exp(ratio * errors[i]);
      s.ivar[i] = 1 / (error * error);
    }
  } else {
    s = { full: false, wavelength: Float64Array.from(pixels, (_, i) => pixelWavelength(i)), flux: pixels, ivar: pixels.map((x) => (x === 0 ? 0 : 1)) };
  }
  s.pixels = pixels;
  s.grid = rebin(s, LOG_STEP, GRID_SIZE);
  s.first = s.ivar.findIndex((w) => w > 0);
  s.last = s.ivar.length - 1 - [...s.ivar].reverse().findIndex((w) => w > 0);
  if (s.first < 0) { s.first = 0; s.last = s.flux.length - 1; }
  s.network = overlay(s);
  unpacked.set(index, s);
  if (unpacked.size > 6) unpacked.delete(unpacked.keys().next().value);
  return s;
}

// The network's pixels are normalised: the line a + b * pixel that fits the flux brings
// them back to flux units.
function overlay(s) {
  if (!s.full) return s.pixels;
  let w = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (let i = 0; i < s.pixels.length; i++) {
    const at = Math.floor((Math.log10(pixelWavelength(i)) - LOG_FIRST) / LOG_STEP);
    const weight = s.grid.weight[at];
    if (!(weight > 0)) continue;
    w += weight; x += weight * s.pixels[i]; y += weight * s.grid.flux[at];
    xx += weight * s.pixels[i] ** 2; xy += weight * s.pixels[i] * s.grid.flux[at];
  }
  const b = (w * xy - x * y) / (w * xx - x * x || 1);
  const a = (y - b * x) / (w || 1);
  return s.pixels.map((value) => a + b * value);
}

// Gaussian smoothing weighted by ivar; the error is that of the smoothed value.
function smoothed(s, sigma) {
  const n = s.flux.length;
  if (!(sigma > 0)) {
    return { flux: s.flux, error: s.ivar.map((w) => (w > 0 ? 1 / Math.sqrt(w) : NaN)) };
  }
  const reach = Math.ceil(3 * sigma), kernel = [];
  for (let j = -reach; j <= reach; j++) kernel.push(Math.exp((-j * j) / (2 * sigma * sigma)));
  const flux = new Float64Array(n), error = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0, weight = 0, variance = 0;
    const from = Math.max(0, i - reach), to = Math.min(n - 1, i + reach);
    for (let j = from; j <= to; j++) {
      const k = kernel[j - i + reach], w = k * s.ivar[j];
      sum += w * s.flux[j]; weight += w; variance += k * w;
    }
    flux[i] = weight > 0 ? sum / weight : 0;
    error[i] = weight > 0 ? Math.sqrt(variance) / weight : NaN;
  }
  return { flux, error };
}

// ---------------------------------------------------------------- templates and matches

// Each template is split into continuum and features (what a mean over 0.08 dex leaves):
// the strength of the features is free in a fit, as it varies from object to object.
const TEMPLATES = D.templates.map((t) => {
  const flux = small(t), half = Math.round(0.04 / t.step), sums = new Float64Array(flux.length + 1);
  flux.forEach((f, i) => { sums[i + 1] = sums[i] + f; });
  const continuum = flux.map((_, i) => {
    const from = Math.max(0, i - half), to = Math.min(flux.length, i + half + 1);
    return (sums[to] - sums[from]) / (to - from);
  });
  return { ...t, continuum, features: flux.map((f, i) => f - continuum[i]) };
});

const LYA = Math.log10(1215.67);
// Mean transmission of the Lya forest (Faucher-Giguere et al. 2008: tau = 0.0018 (1+z)^3.92).
const forest = (logObserved) => Math.exp(-0.0018 * 10 ** (3.92 * (logObserved - LYA)));

function interpolate(t, values, logRest) {
  const x = (logRest - t.first) / t.step, i = Math.floor(x);
  return i < 0 || i >= values.length - 1 ? NaN : values[i] + (x - i) * (values[i + 1] - values[i]);
}

function solve(m, v) {
  const n = v.length, a = m.map((row, i) => [...row, v[i]]);
  for (let c = 0; c < n; c++) {
    let best = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(a[r][c]) > Math.abs(a[best][c])) best = r;
    [a[c], a[best]] = [a[best], a[c]];
    if (!(Math.abs(a[c][c]) > 1e-12)) return null;
    for (let r = 0; r < n; r++) {
      if (r === c) continue;
      const f = a[r][c] / a[c][c];
      for (let k = c; k <= n; k++) a[r][k] -= f * a[c][k];
    }
  }
  return a.map((row, i) => row[n] / row[i]);
}

// Fit continuum * (a + b x + c x^2) + d * features, x from -1 to 1 over the spectrum: the
// quadratic takes up dust and calibration, so that the features decide. Normalised pixels
// have lost their zero, so a constant stands for c there. Returns the drop of chi^2 below
// a spectrum of zeros, the coefficients, or null where a template can't be.
function fitTemplate(continuum, features, data, weight, x, full) {
  let m00 = 0, m01 = 0, m02 = 0, m03 = 0, m11 = 0, m12 = 0, m13 = 0, m22 = 0, m23 = 0, m33 = 0, v0 = 0, v1 = 0, v2 = 0, v3 = 0;
  for (let i = 0; i < data.length; i++) {
    const w = weight[i], p = continuum[i];
    if (!(w > 0) || !(p === p)) continue;
    const q = p * x[i], r = full ? q * x[i] : 1, l = features[i], d = w * data[i];
    const wp = w * p, wq = w * q, wr = w * r;
    m00 += wp * p; m01 += wp * q; m02 += wp * r; m03 += wp * l; m11 += wq * q; m12 += wq * r; m13 += wq * l;
    m22 += wr * r; m23 += wr * l; m33 += w * l * l;
    v0 += d * p; v1 += d * q; v2 += d * r; v3 += d * l;
  }
  const m = [[m00, m01, m02, m03], [m01, m11, m12, m13], [m02, m12, m22, m23], [m03, m13, m23, m33]];
  const c = m00 > 0 ? solve(m, [v0, v1, v2, v3]) : null;
  if (!c || !(c[3] > 0) || !(c[0] > 0 || !full)) return null;
  return { gain: c[0] * v0 + c[1] * v1 + c[2] * v2 + c[3] * v3, c };
}

const unit = (size) => Float64Array.from({ length: size }, (_, i) => (2 * i) / (size - 1) - 1);
const UNIT = unit(GRID_SIZE);
const FOREST = Float64Array.from({ length: GRID_SIZE }, (_, i) => forest(LOG_FIRST + (i + 0.5) * LOG_STEP));

// A floor under the errors, or the brightest pixels alone decide.
function fitWeights(grid) {
  const level = [...grid.flux].filter((_, i) => grid.weight[i] > 0).map(Math.abs).sort((a, b) => a - b);
  const floor = 0.03 * (level[level.length >> 1] || 1);
  return grid.weight.map((w) => (w > 0 ? 1 / (1 / w + floor * floor) : 0));
}

const RANGES = { QSO: [0.05, 6], GALAXY: [0, 1.7], STAR: [-0.003, 0.003] };

// The redshifts at which each template fits best: independent of network and pipeline.
function matches(index) {
  const s = spectrum(index);
  if (s.matches) return s.matches;
  const weight = fitWeights(s.grid), found = [];
  for (const t of TEMPLATES) {
    const [low, high] = RANGES[t.spectype];
    const first = Math.round(Math.log10(1 + low) / LOG_STEP), last = Math.round(Math.log10(1 + high) / LOG_STEP);
    // At rest, in the network's steps; index 0 is where the bluest pixel lies at the highest shift.
    const size = GRID_SIZE + last - first, coarse = [t.continuum, t.features].map((values) => {
      const result = new Float64Array(size);
      for (let i = 0; i < size; i++) {
        for (let k = 0; k < 4; k++) result[i] += interpolate(t, values, LOG_FIRST + (i - last + (k + 0.5) / 4) * LOG_STEP) / 4;
      }
      return result;
    });
    const gains = [], continuum = new Float64Array(GRID_SIZE), features = new Float64Array(GRID_SIZE);
    for (let shift = first; shift <= last; shift++) {
      const blue = t.spectype === "QSO" ? Math.round((LYA - LOG_FIRST) / LOG_STEP) + shift : 0;
      for (let i = 0; i < GRID_SIZE; i++) {
        const through = i < blue ? FOREST[i] : 1;
        continuum[i] = coarse[0][i + last - shift] * through;
        features[i] = coarse[1][i + last - shift] * through;
      }
      const fit = fitTemplate(continuum, features, s.grid.flux, weight, UNIT, s.full);
      gains.push(fit ? fit.gain : -Infinity);
    }
    const peaks = [];
    for (let k = 0; k < gains.length; k++) {
      const left = gains[k - 1] ?? -Infinity, right = gains[k + 1] ?? -Infinity;
      if (gains[k] > left && gains[k] >= right && gains[k] > -Infinity) {
        let offset = 0;
        if (left > -Infinity && right > -Infinity) offset = (0.5 * (left - right)) / (left - 2 * gains[k] + right);
        const z = 10 ** ((first + k + clamp(offset || 0, -0.5, 0.5)) * LOG_STEP) - 1;
        peaks.push({ z: t.spectype === "STAR" ? 0 : Math.max(0, z), gain: gains[k], spectype: t.spectype, name: t.name });
      }
    }
    peaks.sort((a, b) => b.gain - a.gain);
    found.push(...peaks.slice(0, 4));
  }
  found.sort((a, b) => b.gain - a.gain);
  const kept = [];
  for (const peak of found) {
    const twin = kept.some((k) => k.spectype === peak.spectype && Math.abs(k.z - peak.z) < 0.015 * (1 + peak.z));
    if (!twin) kept.push({ ...peak, source: "template" });
  }
  const best = kept.length ? kept[0].gain : 0;
  s.matches = kept.slice(0, 5).map((k) => ({ ...k, behind: best - k.gain }));
  return s.matches;
}

// Continuum and features of a template at log10(1 + z), on pixels of `step` dex from 3600 A.
function modelAt(t, logZ, step, size) {
  return [t.continuum, t.features].map((values) => Float64Array.from({ length: size }, (_, i) => {
    const observed = LOG_FIRST + (i + 0.5) * step;
    const through = t.spectype === "QSO" && observed - logZ < LYA ? forest(observed) : 1;
    return interpolate(t, values, observed - logZ) * through;
  }));
}

const FINE = 2.5e-4;
const FINE_SIZE = 1775;
// The redshift near `z` where the template of the class fits best, at four times the
// resolution of the network's pixels.
function refine(index, z, spectype) {
  const t = TEMPLATES.find((x) => x.spectype === (spectype || "QSO"));
  if (!t) return null;
  const s = spectrum(index);
  s.fine = s.fine || rebin(s, FINE, FINE_SIZE);
  const weight = fitWeights(s.fine), x = unit(FINE_SIZE), gains = [];
  const centre = Math.log10(1 + z), half = 40;
  for (let k = -half; k <= half; k++) {
    const [continuum, features] = modelAt(t, centre + k * FINE, FINE, FINE_SIZE);
    const fit = fitTemplate(continuum, features, s.fine.flux, weight, x, s.full);
    gains.push(fit ? fit.gain : -Infinity);
  }
  const best = gains.indexOf(Math.max(...gains));
  if (gains[best] === -Infinity) return z;
  let offset = 0;
  if (best > 0 && best < 2 * half) {
    const [a, b, c] = gains.slice(best - 1, best + 2);
    offset = clamp((0.5 * (a - c)) / (a - 2 * b + c) || 0, -0.5, 0.5);
  }
  return 10 ** (centre + (best - half + offset) * FINE) - 1;
}

function candidates(index) {
  const record = D.spectra[index], list = [];
  if (record.redrock) list.push({ z: record.redrock.z, spectype: record.redrock.spectype, source: "redrock" });
  list.push(...matches(index));
  if (ensembleVisible(index)) {
    for (const cluster of clusters(record.ensemble.member_z)) {
      list.push({ z: cluster.z, spectype: "QSO", source: "ensemble", note: `${cluster.count} of ${record.ensemble.member_z.length}` });
    }
  }
  for (const answer of record.earlier || []) {
    if (answer.z !== null) list.push({ z: answer.z, spectype: answer.spectype, source: answer.inspector });
  }
  return list;
}

function clusters(values) {
  const sorted = values.filter((z) => z > Z_MIN).sort((a, b) => a - b), groups = [];
  for (const z of sorted) {
    const last = groups[groups.length - 1];
    if (last && z - last[last.length - 1] < 0.01 * (1 + z)) last.push(z);
    else groups.push([z]);
  }
  return groups
    .map((g) => ({ z: g[g.length >> 1], count: g.length }))
    .sort((a, b) => b.count - a.count)
    .slice(0, 3);
}

// ---------------------------------------------------------------- state and storage

const settings = { smooth: 4, emission: 1, absorption: 0, noise: true, network: false, sky: true, full: false, advance: true, ensemble: D.blind, template: "auto" };
let answers = {};
let seen = new Set();
let inspector = "";
let storage = true;
let downloaded = "";
const undo = [];
const view = { index: 0, z: 0, touched: false, x: null, mark: null, peaks: null, candidate: -1 };
let pending = null;

function stored(key, fallback) {
  try {
    const text = localStorage.getItem(key);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    if (storage) banner("storage", "This browser doesn't keep answers for this page: download the CSV before you close it.");
    storage = false;
  }
}

// Take what another tab (or an earlier session) has stored: for each spectrum the newer
// answer. Returns the numbers of the spectra whose answer changed here.
function absorb(saved) {
  const changed = [];
  if (!saved || typeof saved !== "object") return changed;
  for (const [targetid, theirs] of Object.entries(saved.answers || {})) {
    const index = D.spectra.findIndex((record) => record.targetid === targetid);
    if (index < 0) continue;
    const mine = answers[targetid];
    if (!mine || theirs.time > mine.time) {
      if (!mine || theirs.time !== mine.time) changed.push(index);
      answers[targetid] = theirs;
    }
  }
  for (const targetid of saved.seen || []) seen.add(targetid);
  return changed;
}

let loading = true;
function save() {
  const changed = absorb(stored(KEY, null));
  if (changed.length && !loading) otherTab(changed);
  store(KEY, { answers, seen: [...seen] });
}

function otherTab(changed) {
  const numbers = changed.map((i) => i + 1).join(", ");
  banner("tabs", `Another tab or window has this page open too. Both keep their answers; for one spectrum the newer counts. From there came: ${numbers}.`);
}

function banner(name, text, ...actions) {
  const old = document.querySelector(`#banners [data-name="${name}"]`);
  if (old) old.remove();
  const node = element("div", {}, element("span", { textContent: text }));
  node.dataset.name = name;
  for (const [label, action] of actions) {
    node.append(element("button", { textContent: label, onclick: () => { node.remove(); action(); resize(); } }));
  }
  if (!actions.length) node.append(element("button", { textContent: "Understood", onclick: () => { node.remove(); resize(); } }));
  $("banners").append(node);
  resize();
}

let toastTimer = 0;
function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("show");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("show"), 2200);
}

const EMPTY = { spectype: "", z: null, zSet: false, quality: -1, bal: null, issue: "", comment: "", shown: "", time: "" };
const current = () => D.spectra[view.index];
const answerOf = (index) => answers[D.spectra[index].targetid] || EMPTY;
const isEmpty = (a) => a.spectype === "" && a.z === null && a.quality < 0 && a.bal === null && a.issue === "" && a.comment === "";
const isComplete = (a) => a.quality >= 0 && (a.quality < 2 || (a.spectype !== "" && a.z !== null));
const ensembleAllowed = (index) => Boolean(D.spectra[index].ensemble) && (!D.blind || isComplete(answerOf(index)));
const ensembleVisible = (index) => ensembleAllowed(index) && settings.ensemble;

function change(index, fields, keepShown) {
  const record = D.spectra[index], before = answerOf(index);
  const after = { ...before, ...fields };
  if (!keepShown) {
    after.shown = [record.redrock && "redrock", seen.has(record.targetid) && "ensemble", record.earlier && "answers"].filter(Boolean).join(" ");
  }
  const now = new Date().toISOString();
  after.time = now > before.time ? now : new Date(Date.parse(before.time) + 1).toISOString();
  undo.push([index, before]);
  answers[record.targetid] = after;
  save();
  refresh();
}

function undoLast() {
  const last = undo.pop();
  if (!last) return toast("Nothing to undo");
  const [index, before] = last;
  if (index !== view.index) go(index);
  const now = answerOf(index).time;
  const time = new Date(Math.max(Date.now(), Date.parse(now || 0) + 1)).toISOString();
  answers[D.spectra[index].targetid] = { ...before, time };
  save();
  if (before.z !== null) setZ(before.z, true);
  refresh();
  toast(`Undone on spectrum ${index + 1}`);
}

// ---------------------------------------------------------------- answering

function setClass(spectype) {
  const before = answerOf(view.index);
  const same = before.spectype === spectype;
  if (!same) adopt(spectype);
  const fields = { spectype: same ? "" : spectype };
  if (!same && before.quality >= 2 && (before.z === null || Math.abs(before.z - view.z) > 5e-5)) fields.z = round4(view.z);
  const completes = !isComplete(before);
  change(view.index, fields);
  if (completes && isComplete(answerOf(view.index))) advance();
}

// Choosing a class moves an untouched redshift to where that class fits best.
function adopt(spectype) {
  if (view.touched) {
    if (spectype === "STAR" && Math.abs(view.z) > STAR_Z) setZ(0, true);
    return;
  }
  const list = candidates(view.index);
  if (view.candidate >= 0 && list[view.candidate] && list[view.candidate].spectype === spectype) return;
  const best = list.findIndex((c) => c.spectype === spectype);
  if (best >= 0) chooseCandidate(best, true);
  else if (spectype === "STAR") setZ(0, true);
}

// The class that a quality alone takes: that of a candidate that was chosen, else redrock's as in
// prospect; none where neither is there.
function offered() {
  const candidate = (view.touched && candidates(view.index)[view.candidate]) || {};
  const spectype = candidate.spectype || (current().redrock || {}).spectype;
  return CLASSES.some(([c]) => c === spectype) ? spectype : "";
}

function setQuality(quality) {
  const index = view.index, before = answerOf(index);
  const fields = { quality };
  if (quality >= 2) {
    if (!before.spectype) fields.spectype = offered();
    fields.z = round4(view.z);
  } else if (!before.zSet) fields.z = null;
  change(index, fields);
  if (isComplete(answerOf(index))) advance();
  else toast("Which class? Q quasar, G galaxy, S star");
}

function advance() {
  const a = answerOf(view.index);
  toast(`${view.index + 1}: ${a.spectype || "no class"}${a.z === null ? "" : ` z = ${a.z.toFixed(4)}`}, quality ${a.quality}`);
  if (left() === 0) {
    banner("done", `All ${N} are answered. Download the CSV (Shift+D)${D.labels_dir ? ` and put it into ${D.labels_dir}` : ""}.`, ["Download", download], ["Later", () => {}]);
  } else if (settings.advance && view.index < N - 1) go(view.index + 1);
}

const round4 = (z) => Math.round(z * 1e4) / 1e4 || 0;

function recordZ() {
  change(view.index, { z: round4(view.z), zSet: true });
  toast(`z = ${view.z.toFixed(4)} recorded`);
}

function cycleBal() {
  const bal = answerOf(view.index).bal;
  change(view.index, { bal: bal === null ? 1 : bal === 1 ? 0 : null });
}

function toggleIssue(letter) {
  const issue = answerOf(view.index).issue;
  const next = ISSUES.map(([l]) => l).filter((l) => (l === letter) !== issue.includes(l)).join("");
  change(view.index, { issue: next }, true);
}

function clearAnswer() {
  change(view.index, { ...EMPTY });
  toast("Answer cleared; U brings it back");
}

const left = () => D.spectra.filter((_, i) => !isComplete(answerOf(i))).length;

function go(index) {
  if (index < 0 || index >= N) return;
  commitComment();
  view.index = index;
  view.x = null;
  view.mark = view.peaks = null;
  view.touched = false;
  view.candidate = -1;
  closeLines();
  const a = answerOf(index), list = candidates(index);
  if (a.z !== null) { view.z = a.z; view.touched = true; }
  else if (a.spectype && list.some((c) => c.spectype === a.spectype)) chooseCandidate(list.findIndex((c) => c.spectype === a.spectype), true);
  else if (list.length) chooseCandidate(0, true);
  else view.z = 0;
  $("comment").value = a.comment;
  refresh();
  // The next spectrum is unpacked and matched while this one is looked at.
  setTimeout(() => { if (index + 1 < N) matches(index + 1); }, 60);
}

function nextUnlabelled() {
  for (let k = 1; k <= N; k++) {
    const index = (view.index + k) % N;
    if (!isComplete(answerOf(index))) return go(index);
  }
  toast("All are answered");
}

function setZ(z, quiet) {
  if (!(z >= Z_MIN && z <= Z_MAX)) return;
  view.z = Math.abs(z) < 1e-9 ? 0 : z;
  if (!quiet) { view.touched = true; view.candidate = -1; }
  refresh();
}

function chooseCandidate(at, quiet) {
  const list = candidates(view.index);
  if (!list.length) return;
  view.candidate = ((at % list.length) + list.length) % list.length;
  const candidate = list[view.candidate];
  view.z = candidate.z;
  if (!quiet) { view.touched = true; refresh(); }
}

function commitComment() {
  const text = $("comment").value.trim();
  if (!loading && text !== answerOf(view.index).comment) change(view.index, { comment: text }, true);
}

// ---------------------------------------------------------------- CSV

const COLUMNS = ["TARGETID", "TILEID", "Redrock_spectype", "Redrock_z", "VI_scanner", "VI_quality", "VI_issue", "VI_z", "VI_spectype", "VI_comment", "VI_BAL", "VI_shown", "VI_time"];

// An apostrophe keeps a spreadsheet from running text as a formula.
const harmless = (text) => (/^'*[=+\-@]/.test(text) && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? `'${text}` : text);

function csvCell(value) {
  const text = String(value).replace(/[\r\n]+/g, " ");
  return /[",;']|^\s|\s$/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function toCsv() {
  const rows = [COLUMNS.join(",")];
  D.spectra.forEach((record, index) => {
    const a = answerOf(index);
    if (isEmpty(a)) return;
    const r = record.redrock || { spectype: "", z: null };
    rows.push([
      record.targetid, record.tileid ?? -1, r.spectype, r.z === null ? "" : r.z.toFixed(4), harmless(inspector), a.quality, a.issue,
      a.z === null ? "" : a.z.toFixed(4), a.spectype, harmless(a.comment), a.bal ?? "", a.shown, a.time,
    ].map(csvCell).join(","));
  });
  return rows.join("\n") + "\n";
}

const fileName = () => `desi-vi_${D.title}_${inspector.normalize("NFKD").replace(/[^A-Za-z0-9-]+/g, "-") || "unknown"}.csv`;

function download() {
  commitComment();
  const url = URL.createObjectURL(new Blob([toCsv()], { type: "text/csv" }));
  const link = element("a", { href: url, download: fileName() });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  downloaded = JSON.stringify(answers);
  refresh();
  toast(`${fileName()}${D.labels_dir ? ` → put it into ${D.labels_dir}` : ""}`);
}

// Splits a line as inspection.split_record does: proper CSV, or older prospect's.
function splitRecord(line, delimiter) {
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

function readCsv(text) {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/).filter((line) => line.trim());
  if (!lines.length) return { error: "The file is empty." };
  const delimiter = [",", ";", "\t"].map((d) => [lines[0].split(d).length, d]).sort((a, b) => b[0] - a[0])[0][1];
  const header = (splitRecord(lines[0], delimiter) || []).map((name) => name.trim());
  for (const name of ["TARGETID", "VI_quality", "VI_z", "VI_spectype"]) {
    if (!header.includes(name)) return { error: `The file has no column ${name}: it is no VI table.` };
  }
  const rows = [], refused = [];
  lines.slice(1).forEach((line, number) => {
    let fields = splitRecord(line, delimiter);
    if (fields && fields.length > header.length && header.at(-1) === "VI_comment") {
      fields = [...fields.slice(0, header.length - 1), fields.slice(header.length - 1).join(delimiter)];
    }
    const refuse = (why) => refused.push(`row ${number + 1}: ${why}`);
    if (!fields || fields.length !== header.length) return refuse("broken line");
    const cell = Object.fromEntries(header.map((name, i) => [name, fields[i].trim().replace(/^'(?='*[=+\-@])/, "")]));
    const index = D.spectra.findIndex((record) => record.targetid === cell.TARGETID);
    if (index < 0) return refuse(`TARGETID ${cell.TARGETID} is not on this page`);
    const quality = cell.VI_quality === "" ? -1 : Number(cell.VI_quality);
    if (![-1, 0, 1, 2, 3, 4].includes(quality)) return refuse(`VI_quality ${cell.VI_quality}`);
    let z = cell.VI_z === "" ? null : Number(cell.VI_z);
    if (z !== null && !(z >= Z_MIN && z <= Z_MAX)) return refuse(`VI_z ${cell.VI_z}`);
    let spectype = cell.VI_spectype.toUpperCase();
    if (spectype && !CLASSES.some(([c]) => c === spectype)) return refuse(`VI_spectype ${cell.VI_spectype}`);
    const zSet = z !== null;
    if (quality >= 2) {
      // Empty means that the inspector accepts redrock's.
      if (!spectype) spectype = CLASSES.some(([c]) => c === cell.Redrock_spectype) ? cell.Redrock_spectype : "";
      if (z === null && cell.Redrock_z && Number(cell.Redrock_z) >= Z_MIN) z = spectype === "STAR" && Number(cell.Redrock_z) > STAR_Z ? 0 : Number(cell.Redrock_z);
    }
    rows.push([index, cell.VI_scanner || "", {
      spectype, z: z === null ? null : round4(z), zSet, quality, bal: cell.VI_BAL === "1" ? 1 : cell.VI_BAL === "0" ? 0 : null,
      issue: ISSUES.map(([l]) => l).filter((l) => (cell.VI_issue || "").toUpperCase().includes(l)).join(""),
      comment: cell.VI_comment || "", shown: cell.VI_shown || "",
    }]);
  });
  return { rows, refused };
}

const FIELDS = ["spectype", "z", "quality", "bal", "issue", "comment"];

async function importFile(file) {
  const buffer = await file.arrayBuffer();
  let text = new TextDecoder("utf-8").decode(buffer);
  if (text.includes("\ufffd")) text = new TextDecoder("latin1").decode(buffer);
  const { rows, refused, error } = readCsv(text);
  if (error) return banner("import", `${file.name}: ${error}`);
  const differing = rows.filter(([index, , a]) => !isEmpty(answerOf(index)) && FIELDS.some((f) => a[f] !== answerOf(index)[f]));
  const fresh = rows.filter(([index]) => isEmpty(answerOf(index)));
  const names = [...new Set(rows.map(([, name]) => name))].filter((name) => name && name !== inspector);
  const take = (list) => {
    for (const [index, , fields] of list) change(index, fields, true);
    go(view.index);
    toast(`${list.length} answers taken from the file`);
  };
  const says = [`${file.name}: ${fresh.length} new answers, ${differing.length} that differ from yours.`];
  if (refused.length) says.push(`Not taken: ${refused.join("; ")}.`);
  if (names.length) says.push(`They are by ${names.join(", ")} and become ${inspector}'s.`);
  const actions = [[`Take the ${fresh.length} new`, () => take(fresh)]];
  if (differing.length) actions.push([`Take all ${fresh.length + differing.length}`, () => take([...fresh, ...differing])]);
  actions.push(["Cancel", () => {}]);
  if (names.length || differing.length) return banner("import", says.join(" "), ...actions);
  if (fresh.length) take(fresh);
  if (refused.length || !fresh.length) banner("import", says.join(" "));
}

// ---------------------------------------------------------------- drawing

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
let ink = {};
function readColours() {
  ink = {};
  for (const name of ["paper", "panel", "edge", "ink", "soft", "faint", "flux", "noise", "network", "template", "emission", "absorption", "sky", "telluric", "mark", "accent", "qso", "galaxy", "star"]) ink[name] = style(name);
}
const FONT = 'system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif';

function surface(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.lineJoin = "round";
  return { g, width, height };
}

function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power, list = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) list.push(k * step || 0);
  return { list, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function indexOf(s, wavelength) {
  let low = 0, high = s.wavelength.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (s.wavelength[middle] < wavelength) low = middle + 1; else high = middle;
  }
  return low;
}

const PLOT = { left: 52, right: 10, top: 62, bottom: 40 };
let frame = null;

function fullRange(s) {
  const margin = (s.wavelength[s.last] - s.wavelength[s.first]) * 0.008;
  return [s.wavelength[s.first] - margin, s.wavelength[s.last] + margin];
}

function curve(index) {
  const s = spectrum(index), key = s.full ? settings.smooth : Math.min(settings.smooth, 6) / 4;
  if (s.curveKey !== key) { s.curve = smoothed(s, key); s.curveKey = key; }
  return s.curve;
}

function yRange(s, c, x0, x1) {
  const from = indexOf(s, x0), to = indexOf(s, x1), values = [];
  for (let i = from; i < to; i++) if (s.ivar[i] > 0) values.push(c.flux[i]);
  if (!values.length) return [-1, 1];
  values.sort((a, b) => a - b);
  const cut = settings.full ? 0 : 0.004;
  let low = values[Math.floor(cut * (values.length - 1))], high = values[Math.ceil((1 - cut) * (values.length - 1))];
  if (!settings.full && values.length > 400) {
    // A few cosmic rays must not flatten the rest.
    const middle = values[values.length >> 1], spread = values[Math.floor(0.975 * values.length)] - values[Math.floor(0.025 * values.length)];
    low = Math.max(low, middle - 3 * spread);
    high = Math.min(high, middle + 6 * spread);
  }
  if (s.full) low = Math.min(low, 0);
  const pad = (high - low || 1) * 0.07;
  return [low - pad, high + pad * 1.6];
}

function drawCurve(g, s, values, X, Y, x0, x1, valid) {
  const from = Math.max(0, indexOf(s, x0) - 1), to = Math.min(s.wavelength.length - 1, indexOf(s, x1) + 1);
  let open = false;
  g.beginPath();
  for (let i = from; i <= to; i++) {
    if (!valid(i)) { open = false; continue; }
    const x = X(s.wavelength[i]), y = Y(values[i]);
    if (open) g.lineTo(x, y); else g.moveTo(x, y);
    open = true;
  }
  g.stroke();
}

// "auto" is the candidate's own template, else one of the class chosen or of redrock's.
function shownTemplate() {
  if (settings.template !== "auto") return TEMPLATES.find((t) => t.name === settings.template);
  const candidate = candidates(view.index)[view.candidate] || {}, chosen = answerOf(view.index).spectype;
  if (candidate.source === "template" && (!chosen || chosen === candidate.spectype)) return TEMPLATES.find((t) => t.name === candidate.name);
  const spectype = chosen || candidate.spectype || "QSO";
  const fits = matches(view.index).find((m) => m.spectype === spectype);
  return TEMPLATES.find((t) => (fits ? t.name === fits.name : t.spectype === spectype));
}

function templateCurve(s) {
  const t = shownTemplate();
  if (!t) return null;
  const logZ = Math.log10(1 + view.z);
  const fit = fitTemplate(...modelAt(t, logZ, LOG_STEP, GRID_SIZE), s.grid.flux, fitWeights(s.grid), UNIT, s.full);
  if (!fit) return null;
  return s.wavelength.map((wavelength) => {
    const logWave = Math.log10(wavelength), u = (2 * ((logWave - LOG_FIRST) / LOG_STEP - 0.5)) / (GRID_SIZE - 1) - 1;
    const through = t.spectype === "QSO" && logWave - logZ < LYA ? forest(logWave) : 1;
    const continuum = through * interpolate(t, t.continuum, logWave - logZ), features = through * interpolate(t, t.features, logWave - logZ);
    return continuum * (fit.c[0] + fit.c[1] * u) + (s.full ? continuum * u * u : 1) * fit.c[2] + features * fit.c[3];
  });
}

function draw() {
  const s = spectrum(view.index), c = curve(view.index);
  const [x0, x1] = view.x || fullRange(s);
  const { g, width, height } = surface($("main"));
  const [y0, y1] = yRange(s, c, x0, x1);
  const right = width - PLOT.right, bottom = height - PLOT.bottom;
  const X = (w) => PLOT.left + ((w - x0) / (x1 - x0)) * (right - PLOT.left);
  const Y = (f) => bottom - ((f - y0) / (y1 - y0)) * (bottom - PLOT.top);
  frame = { x0, x1, y0, y1, X, Y, right, bottom, s, c };
  g.font = `11px ${FONT}`;

  // What is beneath: sky, atmosphere, arms.
  g.save();
  g.beginPath();
  g.rect(PLOT.left, PLOT.top, right - PLOT.left, bottom - PLOT.top);
  g.clip();
  if (settings.sky) {
    for (const [colour, list] of [[ink.sky, D.sky], [ink.telluric, D.telluric]]) {
      g.fillStyle = colour;
      for (const [a, b] of list) g.fillRect(X(a), PLOT.top, Math.max(1, X(b) - X(a)), bottom - PLOT.top);
    }
    g.fillStyle = ink.faint;
    g.textAlign = "center";
    for (const [a, b] of D.telluric) if (X(b) - X(a) > 5) g.fillText("⊕", X((a + b) / 2), bottom - 12);
  }
  g.strokeStyle = ink.edge;
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(PLOT.left, Y(0));
  g.lineTo(right, Y(0));
  g.stroke();

  const labels = lineLabels(X, x0, x1);
  for (const label of labels) {
    g.strokeStyle = label.colour;
    g.globalAlpha = label.major ? 0.55 : 0.28;
    g.setLineDash(label.absorption ? [2, 3] : []);
    g.beginPath();
    g.moveTo(label.x, PLOT.top);
    g.lineTo(label.x, bottom);
    g.stroke();
  }
  g.setLineDash([]);
  g.globalAlpha = 1;

  const good = (i) => s.ivar[i] > 0;
  if (settings.noise && s.full) {
    g.strokeStyle = ink.noise;
    g.lineWidth = 1;
    drawCurve(g, s, c.error, X, Y, x0, x1, good);
  }
  // The unsmoothed data stay visible as a shadow of the smoothed line.
  if (s.full && settings.smooth > 0) {
    g.strokeStyle = ink.flux;
    g.globalAlpha = 0.12;
    g.lineWidth = 0.7;
    drawCurve(g, s, s.flux, X, Y, x0, x1, good);
    g.globalAlpha = 1;
  }
  g.strokeStyle = ink.flux;
  g.lineWidth = 1.1;
  drawCurve(g, s, c.flux, X, Y, x0, x1, good);
  if (settings.network && s.full) {
    g.strokeStyle = ink.network;
    g.lineWidth = 1.3;
    g.beginPath();
    for (let i = 0; i < s.network.length; i++) {
      const a = D.grid.kind === "log" ? D.grid.first * 10 ** (i * D.grid.step) : D.grid.first + i * D.grid.step;
      const b = D.grid.kind === "log" ? D.grid.first * 10 ** ((i + 1) * D.grid.step) : a + D.grid.step;
      if (b < x0 || a > x1) continue;
      if (i === 0) g.moveTo(X(a), Y(s.network[i])); else g.lineTo(X(a), Y(s.network[i]));
      g.lineTo(X(b), Y(s.network[i]));
    }
    g.stroke();
  }
  const model = templateCurve(s);
  if (model) {
    g.strokeStyle = ink.template;
    g.lineWidth = 1.3;
    drawCurve(g, s, model, X, Y, x0, x1, (i) => model[i] === model[i]);
  }
  // Dropped pixels.
  g.fillStyle = ink.mark;
  const from = Math.max(s.first, indexOf(s, x0)), to = Math.min(s.last, indexOf(s, x1));
  for (let i = from; i <= to; i++) {
    if (s.ivar[i] > 0) continue;
    let end = i;
    while (end < to && !(s.ivar[end + 1] > 0)) end++;
    g.fillRect(X(s.wavelength[i]) - 0.5, bottom - 6, Math.max(1.5, X(s.wavelength[end]) - X(s.wavelength[i])), 6);
    i = end;
  }
  if (view.mark !== null) {
    g.strokeStyle = ink.mark;
    g.lineWidth = 1.5;
    g.beginPath();
    g.moveTo(X(view.mark), PLOT.top);
    g.lineTo(X(view.mark), bottom);
    g.stroke();
  }
  g.restore();

  for (const label of labels) {
    if (label.lane === null) continue;
    const y = PLOT.top - 4 - label.lane * 12;
    g.strokeStyle = g.fillStyle = label.colour;
    g.lineWidth = 0.7;
    g.globalAlpha = 0.6;
    g.beginPath();
    g.moveTo(label.x, PLOT.top);
    g.lineTo(label.x, y + 1);
    g.stroke();
    g.globalAlpha = 1;
    g.font = `${label.major ? "600 " : ""}11px ${FONT}`;
    g.textAlign = "center";
    g.fillText(label.name, label.textX, y);
  }
  axes(g, width, height, x0, x1, y0, y1, X, Y, right, bottom, s);
  drawOverview(s, c, x0, x1);
  drawPanels(s);
}

// Major lines get their label first, then the others where there is room.
function lineLabels(X, x0, x1) {
  const list = [];
  const add = (lines, level, colour, absorption) => {
    for (const [name, rest, major] of lines) {
      const wavelength = rest * (1 + view.z);
      if (wavelength > x0 && wavelength < x1 && (level > 1 || (level === 1 && major))) {
        list.push({ name, x: X(wavelength), major, colour, absorption, lane: null });
      }
    }
  };
  add(D.emission, settings.emission, ink.emission, false);
  add(D.absorption, settings.absorption, ink.absorption, true);
  const canvas = $("main").getContext("2d"), lanes = [[], [], []];
  canvas.font = `600 11px ${FONT}`;
  for (const label of [...list].sort((a, b) => b.major - a.major || a.absorption - b.absorption || a.x - b.x)) {
    const half = canvas.measureText(label.name).width / 2 + 3;
    label.textX = clamp(label.x, PLOT.left + half, X(x1) - half);
    label.lane = lanes.findIndex((taken) => taken.every(([a, b]) => label.textX + half < a || label.textX - half > b));
    if (label.lane < 0) label.lane = null;
    else lanes[label.lane].push([label.textX - half, label.textX + half]);
  }
  return list;
}

function axes(g, width, height, x0, x1, y0, y1, X, Y, right, bottom, s) {
  g.strokeStyle = ink.soft;
  g.fillStyle = ink.soft;
  g.lineWidth = 1;
  g.strokeRect(PLOT.left + 0.5, PLOT.top + 0.5, right - PLOT.left, bottom - PLOT.top);
  g.font = `11px ${FONT}`;
  g.textAlign = "center";
  const observed = ticks(x0, x1, (right - PLOT.left) / 90);
  g.beginPath();
  for (const w of observed.list) {
    g.moveTo(X(w), bottom);
    g.lineTo(X(w), bottom + 5);
    g.fillText(w.toFixed(observed.digits), X(w), bottom + 16);
  }
  g.stroke();
  g.fillText("observed wavelength (Å)", (PLOT.left + right) / 2, height - 8);
  const rest = ticks(x0 / (1 + view.z), x1 / (1 + view.z), (right - PLOT.left) / 90);
  g.fillStyle = ink.emission;
  g.strokeStyle = ink.emission;
  g.beginPath();
  for (const w of rest.list) {
    const x = X(w * (1 + view.z));
    g.moveTo(x, 12);
    g.lineTo(x, 16);
    if (x < right - 96) g.fillText(w.toFixed(rest.digits), x, 10);
  }
  g.moveTo(PLOT.left, 16.5);
  g.lineTo(right, 16.5);
  g.stroke();
  g.textAlign = "right";
  g.fillText("rest (Å)", right, 10);
  g.fillStyle = g.strokeStyle = ink.soft;
  const flux = ticks(y0, y1, (bottom - PLOT.top) / 46);
  g.beginPath();
  for (const f of flux.list) {
    if (Y(f) < PLOT.top + 4) continue;
    g.moveTo(PLOT.left, Y(f));
    g.lineTo(PLOT.left - 4, Y(f));
    g.fillText(f.toFixed(flux.digits).replace("-", "−"), PLOT.left - 7, Y(f) + 4);
  }
  g.stroke();
  g.save();
  g.translate(11, (PLOT.top + bottom) / 2);
  g.rotate(-Math.PI / 2);
  g.textAlign = "center";
  g.fillText(s.full ? "flux (10⁻¹⁷ erg s⁻¹ cm⁻² Å⁻¹)" : "normalised flux (443 pixels; coadd not at hand)", 0, 0);
  g.restore();
}

function drawOverview(s, c, x0, x1) {
  const { g, width, height } = surface($("overview"));
  const [a, b] = fullRange(s), [y0, y1] = yRange(s, c, a, b);
  const X = (w) => PLOT.left + ((w - a) / (b - a)) * (width - PLOT.right - PLOT.left);
  const Y = (f) => height - 3 - ((f - y0) / (y1 - y0)) * (height - 6);
  g.fillStyle = ink.panel;
  g.fillRect(PLOT.left, 0, width - PLOT.left - PLOT.right, height);
  g.fillStyle = ink.paper;
  g.fillRect(X(x0), 0, X(x1) - X(x0), height);
  g.save();
  g.beginPath();
  g.rect(PLOT.left, 0, width - PLOT.left - PLOT.right, height);
  g.clip();
  g.strokeStyle = ink.soft;
  g.lineWidth = 0.8;
  drawCurve(g, s, c.flux, X, Y, a, b, (i) => s.ivar[i] > 0);
  g.strokeStyle = ink.accent;
  g.strokeRect(X(x0) + 0.5, 0.5, X(x1) - X(x0) - 1, height - 1);
  g.restore();
}

// ±9000 km/s around the main lines at this redshift: a redshift is judged here.
const PANELS = [["Lyα", 1215.67], ["C IV", 1549.06], ["C III]", 1908.73], ["Mg II", 2799.12], ["[O II]", 3728.48], ["Ca K H", 3934.77], ["Hβ", 4862.68], ["[O III]", 5008.24], ["Hα", 6564.61]];
const PANEL_V = 9000;
let panelBoxes = [];
function drawPanels(s) {
  const { g, width, height } = surface($("panels"));
  const c = settings.smooth >= 2 || !s.full ? curve(view.index) : (s.panelCurve = s.panelCurve || smoothed(s, 2));
  panelBoxes = [];
  const here = PANELS.filter(([, rest]) => {
    const w = rest * (1 + view.z);
    return w > s.wavelength[s.first] && w < s.wavelength[s.last];
  });
  const shown = here.slice(0, 7), gap = 8;
  const each = Math.min(190, (width - PLOT.left - PLOT.right + gap) / Math.max(1, shown.length) - gap);
  g.font = `11px ${FONT}`;
  if (!shown.length) {
    g.fillStyle = ink.soft;
    g.textAlign = "center";
    g.fillText("no main line in the range at this redshift", width / 2, height / 2);
  }
  shown.forEach(([name, rest], k) => {
    const left = PLOT.left + k * (each + gap), centre = rest * (1 + view.z);
    const x0 = centre * (1 - PANEL_V / C_KM_S), x1 = centre * (1 + PANEL_V / C_KM_S);
    const top = 14, bottom = height - 13, from = indexOf(s, x0), to = indexOf(s, x1);
    let low = Infinity, high = -Infinity;
    for (let i = from; i < to; i++) if (s.ivar[i] > 0) { low = Math.min(low, c.flux[i]); high = Math.max(high, c.flux[i]); }
    if (!(high > low)) { low = -1; high = 1; }
    const pad = (high - low) * 0.06;
    const X = (w) => left + ((w - x0) / (x1 - x0)) * each, Y = (f) => bottom - ((f - low + pad) / (high - low + 2 * pad)) * (bottom - top);
    g.strokeStyle = ink.edge;
    g.lineWidth = 1;
    g.strokeRect(left + 0.5, top + 0.5, each - 1, bottom - top);
    g.save();
    g.beginPath();
    g.rect(left, top, each, bottom - top);
    g.clip();
    if (settings.sky) {
      g.fillStyle = ink.telluric;
      for (const [a, b] of D.telluric) g.fillRect(X(a), top, X(b) - X(a), bottom - top);
      g.fillStyle = ink.sky;
      for (const [a, b] of D.sky) g.fillRect(X(a), top, X(b) - X(a), bottom - top);
    }
    g.strokeStyle = ink.emission;
    g.globalAlpha = 0.7;
    g.beginPath();
    g.moveTo(X(centre), top);
    g.lineTo(X(centre), bottom);
    g.stroke();
    g.globalAlpha = 1;
    g.strokeStyle = ink.flux;
    drawCurve(g, s, c.flux, X, Y, x0, x1, (i) => s.ivar[i] > 0);
    g.restore();
    g.fillStyle = ink.emission;
    g.textAlign = "center";
    g.font = `600 11px ${FONT}`;
    g.fillText(name, left + each / 2, 10);
    g.font = `10px ${FONT}`;
    g.fillStyle = ink.faint;
    g.fillText(k === 0 ? "±9000 km/s" : `${centre.toFixed(0)} Å`, left + each / 2, height - 2);
    panelBoxes.push({ left, right: left + each, centre });
  });
}

// ---------------------------------------------------------------- the side panel

function button(label, key, action, title) {
  const node = element("button", { onclick: () => { action(); node.blur(); }, title: title || "" }, label + " ", key ? keycap(key) : null);
  return node;
}

const toggles = [
  ["noise", "error", "D", "noise"], ["network", "network's pixels", "O", "network"], ["emission", "emission", "L", "emission"],
  ["absorption", "absorption", "A", "absorption"], ["sky", "sky", "K", ""], ["full", "full range", "Y", ""],
];

function toggle(name) {
  if (name === "emission" || name === "absorption") {
    settings[name] = (settings[name] + 1) % 3;
    toast(`${name} lines: ${["none", "main", "all"][settings[name]]}`);
  } else settings[name] = !settings[name];
  keep();
}

function keep() {
  store("quasarnet-al/settings", settings);
  refresh();
}

function build() {
  $("title").textContent = D.title;
  $("title").title = D.title;
  $("part").textContent = D.part;
  D.spectra.forEach((record, index) => {
    $("strip").append(element("button", { title: `${index + 1}: ${record.targetid}`, onclick: (e) => { go(index); e.target.blur(); } }));
  });
  for (const [spectype, key] of CLASSES) {
    const node = button(spectype, key, () => setClass(spectype));
    node.dataset.spectype = spectype;
    $("classes").append(node);
  }
  for (const quality of [4, 3, 2, 1, 0]) {
    const node = element("button", { textContent: quality, title: MEANING[quality], onclick: () => { setQuality(quality); node.blur(); } });
    node.dataset.quality = quality;
    node.onmouseenter = () => { $("meaning").textContent = MEANING[quality]; };
    node.onmouseleave = meaning;
    $("qualities").append(node);
  }
  $("flags").append(button("BAL ?", "B", cycleBal, "Broad absorption: yes, no, not looked at"));
  $("flags").append(element("span", { textContent: "bad" }));
  for (const [letter, label, title] of ISSUES) {
    const node = button(label, `⇧${letter}`, () => toggleIssue(letter), title);
    node.dataset.issue = letter;
    $("flags").append(node);
  }
  $("moves").append(
    button("back", "P", () => go(view.index - 1)), button("next", "N", () => go(view.index + 1)),
    button("next open", "space", nextUnlabelled), button("undo", "U", undoLast),
  );
  for (const [label, key, factor, title] of [["−", "", -1, "step 0.001; Shift 0.01, Alt 0.0001"], ["+", "", 1, "step 0.001; Shift 0.01, Alt 0.0001"]]) {
    const node = element("button", { textContent: label, title, onclick: (e) => { step(factor, e); node.blur(); } });
    $("steps").append(node);
  }
  $("steps").append(button("fit", "F", fitHere, "Move to the best fit of the template near this redshift"), button("set", "R", recordZ, "Record this redshift"));
  for (const [name, label, key, colour] of toggles) {
    const node = element("button", { title: `${label} (${key})`, onclick: () => { toggle(name); node.blur(); } });
    if (colour) node.append(Object.assign(element("i", {}), { className: colour }));
    node.append(label);
    node.dataset.toggle = name;
    $("toggles").append(node);
  }
  $("template").append(element("option", { value: "auto", textContent: TEMPLATES.length ? "auto" : "none given" }), element("option", { value: "none", textContent: "none" }));
  for (const t of TEMPLATES) $("template").append(element("option", { value: t.name, textContent: t.name }));
  buildHelp();
}

function meaning() {
  const quality = answerOf(view.index).quality;
  $("meaning").textContent = quality >= 0 ? MEANING[quality] : "quality: 4 confident … 0 nothing there";
}

const on = (node, flag, name = "on") => node.classList.toggle(name, Boolean(flag));

function refresh() {
  if (loading) return;
  const record = current(), a = answerOf(view.index);
  if (ensembleVisible(view.index) && !seen.has(record.targetid)) {
    seen.add(record.targetid);
    save();
  }
  [...$("strip").children].forEach((node, index) => {
    const b = answerOf(index);
    const done = isComplete(b);
    node.className = (done ? b.spectype || "none" : isEmpty(b) ? "" : "started") + (done && b.quality < 3 ? " low" : "") + (index === view.index ? " here" : "");
  });
  const n = left();
  $("left").textContent = `${view.index + 1} / ${N} · ${n ? `${n} left` : "all done"}`;
  $("inspector").textContent = inspector || "who?";
  on($("download"), JSON.stringify(answers) !== downloaded && Object.keys(answers).length, "fresh");
  const taken = a.spectype ? "" : offered();
  for (const node of $("classes").children) {
    on(node, node.dataset.spectype === a.spectype);
    node.classList.toggle(node.dataset.spectype, true);
    on(node, taken === node.dataset.spectype, "default");
  }
  for (const node of $("qualities").children) on(node, Number(node.dataset.quality) === a.quality);
  const flags = $("flags").children;
  flags[0].firstChild.textContent = `BAL ${a.bal === null ? "?" : a.bal ? "yes" : "no"} `;
  on(flags[0], a.bal !== null);
  for (const node of [...flags].slice(2)) on(node, a.issue.includes(node.dataset.issue));
  if (document.activeElement !== $("comment")) $("comment").value = a.comment;
  meaning();
  const moved = a.z !== null && Math.abs(a.z - view.z) > 5e-5;
  $("recorded").textContent = a.z === null
    ? a.quality >= 2 && !a.spectype ? "Which class? Q, G or S" : "no redshift recorded yet"
    : moved ? `recorded z = ${a.z.toFixed(4)}; R records ${view.z.toFixed(4)}` : `recorded z = ${a.z.toFixed(4)}`;
  on($("recorded"), moved || (a.quality >= 2 && !isComplete(a)), "warn");
  if (document.activeElement !== $("z")) $("z").value = view.z.toFixed(4);
  $("z-slider").value = 1000 * (Math.log(1 + Math.max(0, view.z)) / Math.log(1 + Z_MAX));
  $("smooth").value = settings.smooth;
  $("smooth-value").textContent = settings.smooth ? `${settings.smooth} px` : "off";
  for (const node of $("toggles").children) on(node, settings[node.dataset.toggle]);
  $("template").value = settings.template;
  showCandidates();
  showObject(record);
  showEnsemble(record);
  showEarlier(record);
  schedule();
}

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); });
}

function showCandidates() {
  const list = candidates(view.index);
  $("candidates").replaceChildren(element("h2", {}, "candidates ", element("span", {}, keycap("C"), " ", keycap("V"))));
  if (!list.length) $("candidates").append(element("p", { className: "hidden-note", textContent: TEMPLATES.length ? "no template fits" : "none; mark a feature (M or click)" }));
  list.forEach((c, at) => {
    const note = c.source === "template" ? (c.behind < 0.5 ? "best fit" : `Δχ² ${c.behind.toFixed(0)}`) : c.note || "";
    const label = c.source === "template" ? c.name : c.source === "redrock" ? `redrock ${c.spectype}` : c.source;
    const node = element("button", { onclick: () => { chooseCandidate(at); node.blur(); }, className: c.spectype || "" },
      element("i", {}), element("span", { textContent: label }), element("b", { textContent: c.z.toFixed(4) }), element("small", { textContent: note }));
    on(node, at === view.candidate);
    $("candidates").append(node);
  });
}

function rows(pairs) {
  const list = element("dl", {});
  for (const [name, value] of pairs) if (value !== null && value !== undefined && value !== "") list.append(element("dt", { textContent: name }), element("dd", {}, value));
  return list;
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
  const redrock = record.redrock && `${record.redrock.spectype} z = ${record.redrock.z.toFixed(4)}, ZWARN ${record.redrock.zwarn}`;
  $("object").replaceChildren(element("h2", { textContent: "object" }), rows([
    ["TARGETID", record.targetid], ["redrock", redrock || "no answer at hand"], ["AB mag", magnitudes], ["S/N", record.snr === null ? null : `${record.snr} a pixel`],
    ["RA Dec", place], ["from", where], ["missing", missing.length ? `arm ${missing.join(", ")}` : null],
  ]));
}

function showEarlier(record) {
  $("earlier").hidden = !record.earlier;
  if (!record.earlier) return;
  const body = element("tbody", {});
  for (const a of record.earlier) {
    body.append(element("tr", {}, ...[a.inspector, a.spectype || "–", a.z === null ? "–" : a.z.toFixed(4), `q ${a.quality}`, a.bal < 0 ? "" : a.bal ? "BAL" : "no BAL", a.comment].map((text) => element("td", { textContent: text }))));
  }
  $("earlier").replaceChildren(element("h2", { textContent: "earlier answers" }), element("table", { className: "answers" }, body));
}

function showEnsemble(record) {
  const box = $("ensemble"), head = element("h2", {}, "ensemble ", keycap("E"));
  if (!record.ensemble) return box.replaceChildren(head, element("p", { className: "hidden-note", textContent: "no ensemble looked at this spectrum" }));
  if (!ensembleVisible(view.index)) {
    const text = ensembleAllowed(view.index) ? "hidden; E shows it" : "hidden until you have answered, so that the label is yours";
    return box.replaceChildren(head, element("p", { className: "hidden-note", textContent: text }));
  }
  const e = record.ensemble, votes = element("div", { className: "bars" });
  for (const [name, share] of Object.entries(e.votes)) bar(votes, name, share);
  const confidences = element("div", { className: "bars" });
  for (const [name, share] of Object.entries(e.confidences)) bar(confidences, name, share);
  const histogram = element("canvas", { id: "histogram", title: "redshifts of the members: click one" });
  const map = element("canvas", { id: "som", title: "neighbours on the map" });
  const parts = [head, element("p", { textContent: `Chosen: ${e.why}` }), votes];
  if (e.member_z.length) parts.push(histogram);
  parts.push(element("div", { className: "columns" }, confidences, record.som ? element("div", {}, map, element("small", { className: "hidden-note", textContent: `map ${record.som.row}, ${record.som.column}` })) : null));
  const measures = Object.entries(e.measures).map(([name, value]) => `${name} ${value}`).join(", ");
  if (measures) parts.push(element("p", { className: "hidden-note", textContent: measures }));
  box.replaceChildren(...parts);
  requestAnimationFrame(() => { if (e.member_z.length) drawHistogram(histogram, e.member_z); if (record.som) drawMap(map, record.som); });
}

function bar(box, name, share) {
  const fill = element("b", {});
  fill.style.width = `${100 * clamp(share, 0, 1)}%`;
  box.append(element("span", { textContent: name }), element("div", {}, fill), element("output", { textContent: share.toFixed(2) }));
}

function drawHistogram(canvas, values) {
  const { g, width, height } = surface(canvas);
  const good = values.filter((z) => z > Z_MIN);
  const high = Math.max(1, Math.ceil(Math.max(0, ...good) * 2) / 2), bins = 48, counts = new Array(bins).fill(0).map(() => []);
  for (const z of good) counts[clamp(Math.floor((z / high) * bins), 0, bins - 1)].push(z);
  const most = Math.max(1, ...counts.map((c) => c.length)), bottom = height - 13;
  g.font = `10px ${FONT}`;
  counts.forEach((list, k) => {
    g.fillStyle = ink.accent;
    const h = list.length ? Math.max(2, (list.length / most) * (bottom - 4)) : 0;
    g.fillRect((k / bins) * width, bottom - h, width / bins - 1, h);
  });
  g.strokeStyle = ink.mark;
  g.beginPath();
  g.moveTo((view.z / high) * width, 0);
  g.lineTo((view.z / high) * width, bottom);
  g.stroke();
  g.strokeStyle = ink.soft;
  g.strokeRect(-1, bottom + 0.5, width + 2, 0);
  g.fillStyle = ink.soft;
  for (const z of ticks(0, high, 6).list) {
    g.textAlign = z === 0 ? "left" : z >= high ? "right" : "center";
    g.fillText(String(Number(z.toFixed(2))), (z / high) * width, height - 2);
  }
  canvas.onclick = (event) => {
    const z = ((event.offsetX / width) * high);
    const nearest = good.reduce((best, value) => (Math.abs(value - z) < Math.abs(best - z) ? value : best), Infinity);
    if (nearest === Infinity) return;
    const bin = counts[clamp(Math.floor((nearest / high) * bins), 0, bins - 1)].sort((a, b) => a - b);
    setZ(bin[bin.length >> 1]);
  };
}

function drawMap(canvas, som) {
  const { g, width, height } = surface(canvas), w = width / 3, h = height / 3;
  som.cells.forEach((cell, k) => {
    const x = (k % 3) * w, y = Math.floor(k / 3) * h;
    g.strokeStyle = k === 4 ? ink.accent : ink.edge;
    g.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
    if (!cell) return;
    const values = small(cell), low = Math.min(...values), high = Math.max(...values);
    g.strokeStyle = k === 4 ? ink.accent : ink.soft;
    g.lineWidth = 1;
    g.beginPath();
    values.forEach((v, i) => g.lineTo(x + 2 + (i / (values.length - 1)) * (w - 4), y + h - 3 - ((v - low) / (high - low || 1)) * (h - 6)));
    g.stroke();
  });
}

// ---------------------------------------------------------------- features and lines

// The emission features that stand out most, in the order of their significance.
function findPeaks() {
  const s = spectrum(view.index), n = s.flux.length, narrow = smoothed(s, s.full ? 6 : 1), wide = smoothed(s, s.full ? 90 : 15);
  const value = (i) => (narrow.flux[i] - wide.flux[i]) / (narrow.error[i] || Infinity), peaks = [];
  for (let i = 1; i < n - 1; i++) {
    const v = value(i);
    if (v > 3 && v >= value(i - 1) && v > value(i + 1)) peaks.push([v, s.wavelength[i]]);
  }
  peaks.sort((a, b) => b[0] - a[0]);
  const kept = [];
  for (const [, w] of peaks) if (kept.every((k) => Math.abs(k - w) > 0.012 * w)) kept.push(w);
  return kept.slice(0, 8);
}

const NAMED = [["1", "Lyα", 1215.67], ["2", "C IV", 1549.06], ["3", "C III]", 1908.73], ["4", "Mg II", 2799.12], ["5", "[O II]", 3728.48], ["6", "Hβ", 4862.68], ["7", "[O III] 5008", 5008.24], ["8", "Hα", 6564.61], ["9", "Ca K", 3934.77], ["0", "Na D", 5895.6]];

function markNext() {
  view.peaks = view.peaks || { list: findPeaks(), at: -1 };
  if (!view.peaks.list.length) return toast("No feature stands out; click one");
  view.peaks.at = (view.peaks.at + 1) % view.peaks.list.length;
  mark(view.peaks.list[view.peaks.at]);
}

function mark(wavelength) {
  view.mark = wavelength;
  const box = $("lines");
  box.replaceChildren(element("p", { textContent: `feature at ${wavelength.toFixed(1)} Å is …` }));
  for (const [key, name, rest] of NAMED) {
    const z = wavelength / rest - 1;
    if (z < Z_MIN || z > Z_MAX) continue;
    box.append(element("button", { onclick: () => nameLine(rest) }, keycap(key), element("span", { textContent: name }), element("span", { textContent: `z ${z.toFixed(3)}` })));
  }
  box.hidden = false;
  schedule();
  requestAnimationFrame(() => {
    const x = frame.X(wavelength), side = x > frame.right - 210 ? x - 194 : x + 12;
    box.style.left = `${clamp(side, 4, Math.max(4, frame.right - 190))}px`;
    box.style.top = `${PLOT.top + 8}px`;
  });
}

function nameLine(rest) {
  const z = view.mark / rest - 1;
  closeLines();
  if (z >= Z_MIN && z <= Z_MAX) setZ(z);
}

function closeLines() {
  $("lines").hidden = true;
  view.mark = null;
  schedule();
}

function fitHere() {
  const z = refine(view.index, view.z, answerOf(view.index).spectype || (candidates(view.index)[view.candidate] || {}).spectype);
  if (z === null) return toast("No template to fit");
  const from = view.z;
  setZ(z);
  toast(`fit: ${from.toFixed(4)} → ${z.toFixed(4)} (${Math.round((C_KM_S * (z - from)) / (1 + from))} km/s)`);
}

const step = (sign, event) => setZ(view.z + sign * (event.altKey ? 1e-4 : event.shiftKey ? 1e-2 : 1e-3));

// ---------------------------------------------------------------- zoom and pan

function zoom(factor, centre) {
  const s = spectrum(view.index), [a, b] = fullRange(s);
  let [x0, x1] = view.x || [a, b];
  const at = centre === undefined ? (x0 + x1) / 2 : centre;
  x0 = at - (at - x0) * factor;
  x1 = at + (x1 - at) * factor;
  if (x1 - x0 < 20) return;
  setView(x0, x1, a, b);
}

function pan(share) {
  if (!view.x) return;
  const [a, b] = fullRange(spectrum(view.index)), width = view.x[1] - view.x[0];
  const x0 = clamp(view.x[0] + share * width, a, b - width);
  setView(x0, x0 + width, a, b);
}

function setView(x0, x1, a, b) {
  x0 = Math.max(a, x0);
  x1 = Math.min(b, x1);
  view.x = x0 <= a && x1 >= b ? null : [x0, x1];
  schedule();
}

function resetView() {
  view.x = null;
  schedule();
}

function wavelengthAt(offset) {
  return frame.x0 + ((offset - PLOT.left) / (frame.right - PLOT.left)) * (frame.x1 - frame.x0);
}

function mouse() {
  const canvas = $("main");
  let press = null;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const s = spectrum(view.index);
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / 600);
    else zoom(Math.exp(event.deltaY * 0.0015), clamp(wavelengthAt(event.offsetX), ...fullRange(s)));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    press = { x: event.offsetX, view: [frame.x0, frame.x1], box: event.shiftKey, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    readout(event.offsetX);
    if (!press) return;
    if (Math.abs(event.offsetX - press.x) > 3) press.moved = true;
    if (!press.moved) return;
    if (press.box) {
      draw();
      const g = canvas.getContext("2d");
      g.fillStyle = ink.sky;
      g.strokeStyle = ink.accent;
      g.fillRect(press.x, PLOT.top, event.offsetX - press.x, frame.bottom - PLOT.top);
      g.strokeRect(press.x, PLOT.top, event.offsetX - press.x, frame.bottom - PLOT.top);
    } else {
      const [a, b] = fullRange(spectrum(view.index)), width = press.view[1] - press.view[0];
      const by = ((press.x - event.offsetX) / (frame.right - PLOT.left)) * width, x0 = clamp(press.view[0] + by, a, b - width);
      setView(x0, x0 + width, a, b);
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!press) return;
    const { x, box, moved } = press;
    press = null;
    if (!moved) {
      if (event.detail < 2 && event.offsetX > PLOT.left && event.offsetX < frame.right) mark(peakNear(wavelengthAt(event.offsetX)));
    } else if (box) {
      const ends = [wavelengthAt(x), wavelengthAt(event.offsetX)].sort((p, q) => p - q);
      if (ends[1] - ends[0] > 15) setView(...ends, ...fullRange(spectrum(view.index)));
    }
  });
  canvas.addEventListener("dblclick", () => { closeLines(); resetView(); });
  canvas.addEventListener("pointerleave", () => { $("readout").textContent = ""; });
  $("overview").addEventListener("pointerdown", (event) => moveWindow(event));
  $("overview").addEventListener("pointermove", (event) => { if (event.buttons & 1) moveWindow(event); });
  $("panels").addEventListener("click", (event) => {
    const box = panelBoxes.find((p) => event.offsetX >= p.left && event.offsetX <= p.right);
    if (box) setView(box.centre * 0.93, box.centre * 1.07, ...fullRange(spectrum(view.index)));
  });
}

function moveWindow(event) {
  const [a, b] = fullRange(spectrum(view.index)), canvas = $("overview");
  const at = a + ((event.offsetX - PLOT.left) / (canvas.clientWidth - PLOT.left - PLOT.right)) * (b - a);
  const width = view.x ? view.x[1] - view.x[0] : (b - a) / 4;
  const x0 = clamp(at - width / 2, a, b - width);
  setView(x0, x0 + width, a, b);
}

// A click means the top of the feature under it.
function peakNear(wavelength) {
  const { s, c, x0, x1, right } = frame, reach = ((x1 - x0) / (right - PLOT.left)) * 7;
  let best = -1;
  for (let i = indexOf(s, wavelength - reach); i < indexOf(s, wavelength + reach); i++) {
    if (s.ivar[i] > 0 && (best < 0 || c.flux[i] > c.flux[best])) best = i;
  }
  return best < 0 ? wavelength : s.wavelength[best];
}

function readout(offset) {
  const wavelength = wavelengthAt(offset), { s, c } = frame, i = clamp(indexOf(s, wavelength), 0, s.flux.length - 1);
  const flux = s.ivar[i] > 0 ? `f ${c.flux[i].toPrecision(3)}${s.full ? ` ± ${c.error[i].toPrecision(2)}` : ""}` : "dropped";
  $("readout").textContent = `${wavelength.toFixed(1)} Å · rest ${(wavelength / (1 + view.z)).toFixed(1)} Å · ${flux}`;
}

// ---------------------------------------------------------------- keys

const KEYS = [
  ["Answer", [["Q G S", "quasar, galaxy, star"], ["4 3 2 1 0", "quality; records class and redshift, goes on"], ["B", "BAL: yes, no, not looked at"], ["⇧R ⇧C ⇧S", "issue: bad redshift, class, spectrum"], ["/", "comment; Enter ends it"], ["R", "record the redshift shown"], ["U", "undo"], ["Delete", "clear this answer"]]],
  ["Redshift", [["C V", "next, previous candidate"], [", .", "step 0.001; with ⇧ 0.01, with Alt 0.0001"], ["F", "fit the template near here"], ["M", "mark the next feature, then 1 … 0 names its line"], ["⇧← ⇧→", "move the mark"], ["Z", "type it; Enter ends it"]]],
  ["Go", [["N P", "next, back"], ["Space", "next open one"], ["Home End", "first, last"], ["⇧A", "going on after a quality: on, off"]]],
  ["Look", [["← → ↑ ↓", "pan, zoom"], ["X", "whole spectrum"], ["W ⇧W", "smooth more, less"], ["D O L A K Y", "error, network's pixels, emission, absorption, sky, full range"], ["T ⇧T", "next, previous template"], ["E", "ensemble"], ["I", "all spectra and answers"]]],
  ["Keep", [["⇧D", "download the CSV"], ["⇧I", "import a CSV"], ["? H", "this list"], ["Esc", "close"]]],
];

function buildHelp() {
  const grid = element("div", { className: "grid" });
  for (const [title, list] of KEYS) grid.append(element("section", {}, element("h3", { textContent: title }), rows(list.map(([key, text]) => [key, text]))));
  const guide = element("dl", {});
  for (const q of [4, 3, 2, 1, 0]) guide.append(element("dt", { textContent: String(q) }), element("dd", { textContent: MEANING[q].slice(2) }));
  grid.append(element("section", {}, element("h3", { textContent: "Quality" }), guide));
  grid.append(element("section", {}, element("h3", { textContent: "Mouse" }), rows([["wheel, drag", "zoom, pan"], ["⇧ drag", "zoom to a range"], ["click", "mark a feature and name its line"], ["double click", "whole spectrum"]])));
  $("keys").replaceChildren(element("h2", { textContent: "Keys" }), grid,
    element("p", { className: "hidden-note", textContent: "Answers are kept in this browser as you give them. Templates are this project's own models of quasars, galaxies and stars; the matches are their fits to this spectrum, free of the network." }));
}

// All spectra of the page at a glance, with their answers.
function openGallery() {
  const grid = element("div", { className: "gallery" });
  D.spectra.forEach((record, index) => {
    const a = answerOf(index), canvas = element("canvas", {});
    const text = isEmpty(a) ? "–" : [a.spectype, a.z === null ? "" : a.z.toFixed(4), a.quality < 0 ? "" : `q${a.quality}`, a.bal ? "BAL" : "", a.issue, a.comment].filter(Boolean).join(" ");
    const node = element("button", { title: record.targetid, onclick: () => { $("gallery").close(); go(index); } }, canvas, element("b", { textContent: `${index + 1} ` }), element("span", { textContent: text, className: a.spectype }));
    on(node, index === view.index);
    grid.append(node);
  });
  $("gallery").replaceChildren(element("h2", { textContent: `All ${N} spectra` }), grid);
  $("gallery").showModal();
  [...grid.children].forEach((node, index) => thumbnail(node.firstChild, small(D.spectra[index].pixels)));
}

function thumbnail(canvas, values) {
  const { g, width, height } = surface(canvas), sums = new Float64Array(values.length + 1);
  values.forEach((v, i) => { sums[i + 1] = sums[i] + v; });
  const lines = [];
  for (let i = 0; i + 5 <= values.length; i += 2) lines.push((sums[i + 5] - sums[i]) / 5);
  const sorted = [...lines].sort((a, b) => a - b), low = sorted[2], high = sorted[sorted.length - 3];
  g.strokeStyle = ink.flux;
  g.lineWidth = 0.9;
  g.beginPath();
  lines.forEach((v, i) => g.lineTo((i / (lines.length - 1)) * width, height - 3 - (clamp((v - low) / (high - low || 1), -0.1, 1.1)) * (height - 8)));
  g.stroke();
}

function onKey(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, shift = event.shiftKey;
  if (document.querySelector("dialog[open]")) {
    for (const [id, keys] of [["keys", ["?", "h"]], ["gallery", ["i"]]]) {
      if ($(id).open && [...keys, "Escape"].includes(key)) { event.preventDefault(); $(id).close(); }
    }
    return;
  }
  const field = event.target.closest && event.target.closest("input[type=text]");
  if (field) {
    if (key === "Enter" || key === "Escape") {
      event.preventDefault();
      if (key === "Escape" && field.id === "comment") field.value = answerOf(view.index).comment;
      if (key === "Escape" && field.id === "z") field.value = view.z.toFixed(4);
      field.blur();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") { event.preventDefault(); undoLast(); }
    return;
  }
  const physical = event.code;
  let action = null;
  if (!$("lines").hidden) {
    const named = NAMED.find(([digit]) => digit === event.key);
    if (named) action = () => nameLine(named[2]);
    else if (key === "Escape") action = closeLines;
    else if (key === "ArrowLeft" || key === "ArrowRight") {
      const by = (key === "ArrowLeft" ? -1 : 1) * ((frame.x1 - frame.x0) / (frame.right - PLOT.left)) * (shift ? 8 : 1);
      action = () => mark(view.mark + by);
    }
  }
  if (!action && (physical === "Comma" || physical === "Period")) action = () => step(physical === "Comma" ? -1 : 1, event);
  if (!action && event.altKey) return;
  if (!action && shift) {
    action = { r: () => toggleIssue("R"), c: () => toggleIssue("C"), s: () => toggleIssue("S"), d: download, i: () => $("file").click(), w: () => smooth(-2), t: () => nextTemplate(-1), a: toggleAdvance, "?": openHelp, "/": startComment }[key];
  } else if (!action) {
    action = {
      q: () => setClass("QSO"), g: () => setClass("GALAXY"), s: () => setClass("STAR"),
      0: () => setQuality(0), 1: () => setQuality(1), 2: () => setQuality(2), 3: () => setQuality(3), 4: () => setQuality(4),
      b: cycleBal, "/": startComment, r: recordZ, u: undoLast, Delete: clearAnswer,
      c: () => chooseCandidate(view.candidate + 1), v: () => chooseCandidate(view.candidate < 0 ? -1 : view.candidate - 1), f: fitHere, m: markNext, z: () => { $("z").focus(); $("z").select(); },
      n: () => go(view.index + 1), p: () => go(view.index - 1), Enter: () => go(view.index + 1), Backspace: () => go(view.index - 1), " ": nextUnlabelled, Home: () => go(0), End: () => go(N - 1),
      ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => zoom(0.7), ArrowDown: () => zoom(1 / 0.7), x: resetView,
      w: () => smooth(2), d: () => toggle("noise"), o: () => toggle("network"), l: () => toggle("emission"), a: () => toggle("absorption"), k: () => toggle("sky"), y: () => toggle("full"),
      t: () => nextTemplate(1), e: toggleEnsemble, i: openGallery, "?": openHelp, h: openHelp,
    }[key];
  }
  if (action) {
    event.preventDefault();
    action();
  }
}

const openHelp = () => $("keys").showModal();
function startComment() { $("comment").focus(); }
function smooth(by) { settings.smooth = clamp(settings.smooth + by, 0, 30); keep(); }
function toggleAdvance() { settings.advance = !settings.advance; keep(); toast(`Going on after a quality: ${settings.advance ? "on" : "off"}`); }
function nextTemplate(by) {
  const names = ["auto", "none", ...TEMPLATES.map((t) => t.name)];
  settings.template = names[(names.indexOf(settings.template) + by + names.length) % names.length];
  keep();
}
function toggleEnsemble() {
  if (!ensembleAllowed(view.index)) return toast(current().ensemble ? "Hidden until you have answered" : "No ensemble looked at this spectrum");
  settings.ensemble = !settings.ensemble;
  keep();
}

function askName() {
  $("name").value = inspector;
  $("who").showModal();
}

function resize() {
  schedule();
}

// ---------------------------------------------------------------- start

function start() {
  Object.assign(settings, stored("quasarnet-al/settings", {}));
  settings.ensemble = D.blind;
  if (settings.template !== "none" && !TEMPLATES.some((t) => t.name === settings.template)) settings.template = "auto";
  inspector = stored("quasarnet-al/inspector", "");
  absorb(stored(KEY, null));
  downloaded = "{}";
  build();
  readColours();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); refresh(); });
  const first = D.spectra.findIndex((_, i) => !isComplete(answerOf(i)));
  go(Math.max(0, first));
  loading = false;
  refresh();
  draw();
  mouse();
  new ResizeObserver(resize).observe($("stage"));
  addEventListener("keydown", onKey);
  addEventListener("storage", (event) => {
    if (event.key !== KEY || event.newValue === null) return;
    const changed = absorb(stored(KEY, null));
    if (!changed.length) return;
    otherTab(changed);
    if (changed.includes(view.index)) go(view.index); else refresh();
  });
  addEventListener("beforeunload", (event) => {
    commitComment();
    if (!storage && JSON.stringify(answers) !== downloaded) event.preventDefault();
  });
  $("comment").addEventListener("blur", commitComment);
  $("z").addEventListener("input", () => {
    const z = Number($("z").value);
    on($("z"), $("z").value.trim() === "" || !(z >= Z_MIN && z <= Z_MAX), "bad");
  });
  $("z").addEventListener("blur", () => {
    const z = Number($("z").value);
    if ($("z").value.trim() !== "" && z >= Z_MIN && z <= Z_MAX && Math.abs(z - view.z) > 4e-5) setZ(z);
    on($("z"), false, "bad");
    refresh();
  });
  $("z-slider").addEventListener("input", () => setZ(Math.exp(($("z-slider").value / 1000) * Math.log(1 + Z_MAX)) - 1));
  $("z-slider").addEventListener("change", () => $("z-slider").blur());
  $("smooth").addEventListener("input", () => { settings.smooth = Number($("smooth").value); keep(); });
  $("smooth").addEventListener("change", () => $("smooth").blur());
  $("template").addEventListener("change", () => { settings.template = $("template").value; $("template").blur(); keep(); });
  $("help").onclick = () => { $("help").blur(); openHelp(); };
  $("download").onclick = () => { $("download").blur(); download(); };
  $("import").onclick = () => { $("import").blur(); $("file").click(); };
  $("inspector").onclick = () => { $("inspector").blur(); askName(); };
  $("file").addEventListener("change", () => {
    if ($("file").files.length) importFile($("file").files[0]);
    $("file").value = "";
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) importFile(event.dataTransfer.files[0]);
  });
  $("who").addEventListener("close", () => {
    const name = $("name").value.trim();
    if (!name) return inspector || askName();
    inspector = name;
    store("quasarnet-al/inspector", inspector);
    refresh();
  });
  if (!inspector) askName();
  olderBatch();
  document.documentElement.dataset.ready = "yes";
}

// A page made again with other spectra keeps its answers apart.
function olderBatch() {
  try {
    for (let i = 0; i < localStorage.length; i++) {
      const key = localStorage.key(i);
      if (!key.startsWith(`quasarnet-al/${D.title}/`) || key === KEY) continue;
      const count = Object.keys((stored(key, {}) || {}).answers || {}).length;
      if (count) banner("older", `This browser holds ${count} answers to an earlier page of this name with other spectra. They stay apart from this one.`);
    }
  } catch {
    // No storage: `store` says so.
  }
}

start();
