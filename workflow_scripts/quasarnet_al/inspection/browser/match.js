import { clamp, Z_MIN } from "./base.js";
import { GRID_SIZE, LOG_FIRST, LOG_STEP, rebin, small } from "./spectra.js";

// Templates and their fits to a spectrum, independent of network and pipeline. Pure.

// Each template is split into continuum and features (what a mean over 0.08 dex leaves):
// the strength of the features is free in a fit, as it varies from object to object.
export function prepared(packed) {
  return packed.map((t) => {
    const flux = small(t), half = Math.round(0.04 / t.step), sums = new Float64Array(flux.length + 1);
    flux.forEach((f, i) => { sums[i + 1] = sums[i] + f; });
    const continuum = flux.map((_, i) => {
      const from = Math.max(0, i - half), to = Math.min(flux.length, i + half + 1);
      return (sums[to] - sums[from]) / (to - from);
    });
    return { ...t, continuum, features: flux.map((f, i) => f - continuum[i]) };
  });
}

const LYA = Math.log10(1215.67);
// Mean transmission of the Lya forest (Faucher-Giguere et al. 2008: tau = 0.0018 (1+z)^3.92).
const forest = (logObserved) => Math.exp(-0.0018 * 10 ** (3.92 * (logObserved - LYA)));

function interpolate(t, values, logRest) {
  const x = (logRest - t.first) / t.step, i = Math.floor(x);
  return i < 0 || i >= values.length - 1 ? NaN : values[i] + (x - i) * (values[i + 1] - values[i]);
}

// Gauss-Jordan with row pivots; null where the matrix is singular.
export function solve(m, v) {
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
// have lost their zero, so a constant replaces c there. Returns the drop of chi^2 below
// a spectrum of zeros, the coefficients, or null where a template cannot fit.
export function fitTemplate(continuum, features, data, weight, x, full) {
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

// Where templates of a class are tried.
export const RANGES = { QSO: [0.05, 6], GALAXY: [0, 1.7], STAR: [-0.003, 0.003] };

const offsetOfPeak = (a, b, c) => clamp((0.5 * (a - c)) / (a - 2 * b + c) || 0, -0.5, 0.5);

// The gain of each template in steps of LOG_STEP over its range, on the network's pixels.
export function scans(s, templates) {
  if (s.scans) return s.scans;
  const weight = fitWeights(s.grid);
  s.scans = templates.map((t) => {
    const [first, last] = RANGES[t.spectype].map((z) => Math.round(Math.log10(1 + z) / LOG_STEP));
    // At rest, in the network's steps; index 0 is where the bluest pixel lies at the highest shift.
    const size = GRID_SIZE + last - first;
    t.coarse = t.coarse || [t.continuum, t.features].map((values) => {
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
        continuum[i] = t.coarse[0][i + last - shift] * through;
        features[i] = t.coarse[1][i + last - shift] * through;
      }
      const fit = fitTemplate(continuum, features, s.grid.flux, weight, UNIT, s.full);
      gains.push(fit ? fit.gain : -Infinity);
    }
    return { name: t.name, spectype: t.spectype, first, gains };
  });
  return s.scans;
}

// The best gain of a class at each step of log10(1 + z): pairs of both.
export function bestOfClass(list, spectype) {
  const own = list.filter((scan) => scan.spectype === spectype);
  if (!own.length) return [];
  return own[0].gains.map((_, k) => [(own[0].first + k) * LOG_STEP, Math.max(...own.map(({ gains }) => gains[k]))]);
}

// The redshifts at which templates fit best, best first: `behind` is chi^2 above the best.
export function matches(s, templates) {
  if (s.matches) return s.matches;
  const found = [];
  for (const { name, spectype, first, gains } of scans(s, templates)) {
    const peaks = [];
    for (let k = 0; k < gains.length; k++) {
      const left = gains[k - 1] ?? -Infinity, right = gains[k + 1] ?? -Infinity;
      if (!(gains[k] > left && gains[k] >= right && gains[k] > -Infinity)) continue;
      const offset = left > -Infinity && right > -Infinity ? offsetOfPeak(left, gains[k], right) : 0;
      const z = 10 ** ((first + k + offset) * LOG_STEP) - 1;
      peaks.push({ z: spectype === "STAR" ? 0 : Math.max(0, z), gain: gains[k], spectype, name });
    }
    found.push(...peaks.sort((a, b) => b.gain - a.gain).slice(0, 4));
  }
  found.sort((a, b) => b.gain - a.gain);
  const kept = [];
  for (const peak of found) {
    const twin = kept.some((k) => k.spectype === peak.spectype && Math.abs(k.z - peak.z) < 0.015 * (1 + peak.z));
    if (!twin) kept.push({ ...peak, source: "template" });
  }
  s.matches = kept.slice(0, 5).map((k) => ({ ...k, behind: kept[0].gain - k.gain }));
  return s.matches;
}

// Differences of chi^2 below which a fit is ambiguous (redrock's ZWARN of a small Delta chi^2: 3
// standard deviations of noise), and above which it is clear (5).
const AMBIGUOUS = 9;
export const CLEAR = 25;

// How a fit compares with the others, in short and in words: chi^2 is `behind` that of the best
// fit, or, for the best itself (0), `next` is that of the one after it.
export function confidence(behind, next) {
  const sigmas = (gap) => `Δχ² ${gap.toFixed(1)}, ${Math.sqrt(gap).toFixed(1)} standard deviations of noise`;
  if (behind > 0) return { short: `Δχ² ${behind.toFixed(0)}`, words: `${sigmas(behind)} worse than the best fit` };
  const words = next === Infinity ? "nothing else fits" : `${sigmas(next)} better than the next fit`;
  return { short: next < AMBIGUOUS ? "ambiguous" : next < CLEAR ? "likely" : "clear", words };
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
const HALF = 40;
// The redshift within 0.01 dex of `z` and within the range of the template where it fits best,
// at four times the resolution of the network's pixels; null where no fit is best in there.
export function refine(s, t, z) {
  s.fine = s.fine || rebin(s, FINE, FINE_SIZE);
  const [low, high] = RANGES[t.spectype].map((end) => Math.log10(1 + end));
  const weight = fitWeights(s.fine), x = unit(FINE_SIZE), gains = [];
  const centre = clamp(Math.log10(1 + z), low, high);
  for (let k = -HALF; k <= HALF; k++) {
    const at = centre + k * FINE;
    const fit = at < low - FINE || at > high + FINE ? null : fitTemplate(...modelAt(t, at, FINE, FINE_SIZE), s.fine.flux, weight, x, s.full);
    gains.push(fit ? fit.gain : -Infinity);
  }
  const best = gains.indexOf(Math.max(...gains));
  const [a, b, c] = [best - 1, best, best + 1].map((k) => gains[k] ?? -Infinity);
  if (a === -Infinity || b === -Infinity || c === -Infinity) return null;
  return 10 ** (centre + (best - HALF + offsetOfPeak(a, b, c)) * FINE) - 1;
}

// The template's best fit at a redshift, on the pixels of the spectrum; null where it cannot.
export function templateCurve(s, t, z) {
  const logZ = Math.log10(1 + z);
  const fit = fitTemplate(...modelAt(t, logZ, LOG_STEP, GRID_SIZE), s.grid.flux, fitWeights(s.grid), UNIT, s.full);
  if (!fit) return null;
  return s.wavelength.map((wavelength) => {
    const logWave = Math.log10(wavelength), u = (2 * ((logWave - LOG_FIRST) / LOG_STEP - 0.5)) / (GRID_SIZE - 1) - 1;
    const through = t.spectype === "QSO" && logWave - logZ < LYA ? forest(logWave) : 1;
    const continuum = through * interpolate(t, t.continuum, logWave - logZ), features = through * interpolate(t, t.features, logWave - logZ);
    return continuum * (fit.c[0] + fit.c[1] * u) + (s.full ? continuum * u * u : 1) * fit.c[2] + features * fit.c[3];
  });
}

// Redshifts that lie together, most first.
export function clusters(values) {
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
