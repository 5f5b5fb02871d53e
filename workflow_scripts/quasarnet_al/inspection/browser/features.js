import { clamp } from "./base.js";
import { indexOf, smoothed } from "./spectra.js";

// Emission and absorption features of a spectrum, and the lines they may be. Pure.

// Key, name, vacuum wavelength (line_lists.py), and 1 for emission, -1 for absorption.
export const NAMED = [
  ["1", "Lyα", 1215.67, 1], ["2", "C IV", 1549.06, 1], ["3", "C III]", 1908.73, 1], ["4", "Mg II", 2799.12, 1], ["5", "[O II]", 3728.48, 1],
  ["6", "Hβ", 4862.68, 1], ["7", "[O III] 5008", 5008.24, 1], ["8", "Hα", 6564.61, 1], ["9", "Ca K", 3934.77, -1], ["0", "Na D", 5893.57, -1],
];

// How far each pixel is from the wide running mean, in errors.
function contrasts(s) {
  if (!s.contrast) {
    const narrow = smoothed(s, s.full ? 6 : 1, s.trusted), wide = smoothed(s, s.full ? 90 : 15, s.trusted);
    s.contrast = narrow.flux.map((f, i) => (s.ivar[i] > 0 ? (f - wide.flux[i]) / (narrow.error[i] || Infinity) : 0));
  }
  return s.contrast;
}

// The features of one sign that stand out most, in the order of their significance.
export function findFeatures(s, sign) {
  const value = contrasts(s), found = [], kept = [];
  for (let i = 1; i < value.length - 1; i++) {
    const v = sign * value[i];
    if (v > 3 && v >= sign * value[i - 1] && v > sign * value[i + 1]) found.push([v, s.wavelength[i]]);
  }
  found.sort((a, b) => b[0] - a[0]);
  for (const [, w] of found) if (kept.every((k) => Math.abs(k - w) > 0.012 * w)) kept.push(w);
  return kept.slice(0, 8);
}

const WIDTHS = [2, 5, 12];
// The maximum (sign 1) or minimum (-1) that a click means: the most significant one under it,
// near counts more than far, at the width at which it stands out best. A parabola through
// the pixels around gives its place. `reach` in Angstrom is the click's own precision.
export function extremumNear(s, wavelength, reach, sign) {
  if (!(reach > 0)) return { wavelength, depth: 0 };
  const from = Math.max(1, indexOf(s, wavelength - 2.5 * reach)), to = Math.min(s.flux.length - 2, indexOf(s, wavelength + 2.5 * reach));
  let best = null;
  for (const width of s.full ? WIDTHS : [0]) {
    const key = `width${width}`;
    s[key] = s[key] || smoothed(s, width, s.trusted);
    const { flux, error } = s[key];
    for (let i = from; i <= to; i++) {
      if (!(s.trusted[i] > 0) || sign * flux[i] < sign * flux[i - 1] || sign * flux[i] <= sign * flux[i + 1]) continue;
      // Against the pixels two and a half widths away: a feature, not a slope.
      const away = Math.max(2, Math.round(2.5 * width)), sides = [flux[Math.max(0, i - away)], flux[Math.min(flux.length - 1, i + away)]];
      const depth = (sign * (flux[i] - (sides[0] + sides[1]) / 2)) / (error[i] || Infinity);
      const near = Math.exp(-(((s.wavelength[i] - wavelength) / reach) ** 2) / 2);
      if (depth > 0 && (!best || depth * near > best.score)) best = { score: depth * near, depth, i, width, flux };
    }
  }
  if (!best) return { wavelength, depth: 0 };
  const { i, flux, width } = best, step = Math.max(1, Math.round(width / 2));
  const [a, b, c] = [i - step, i, i + step].map((k) => sign * flux[clamp(k, 0, flux.length - 1)]);
  const offset = clamp((0.5 * (a - c)) / (a - 2 * b + c) || 0, -1, 1) * step;
  return { wavelength: s.wavelength[i] + offset * (s.wavelength[i + 1] - s.wavelength[i]), depth: best.depth };
}
