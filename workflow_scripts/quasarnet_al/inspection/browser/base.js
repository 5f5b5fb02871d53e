// What an answer may say, and small arithmetic. Pure: no document, no state.

export const CLASSES = [["QSO", "Q"], ["GALAXY", "G"], ["STAR", "S"]];
export const ISSUES = [["R", "z", "bad redshift"], ["C", "class", "bad class"], ["S", "data", "bad spectrum"]];
export const MEANING = {
  4: "4 confident: two or more secure features",
  3: "3 probable: one secure or many weak features",
  2: "2 possible: one strong feature, not sure which",
  1: "1 unlikely: signal, but nothing to identify",
  0: "0 nothing there",
};
// A star's redshift is a velocity below 3000 km/s (STAR_Z of columns.py); no quasar is nearer.
export const STAR_Z = 0.01;
// The redshifts that an answer may have (Z_RANGE of columns.py).
export const Z_MIN = -0.01;
export const Z_MAX = 7.2;
export const C_KM_S = 299792.458;

export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
export const round4 = (z) => Math.round(z * 1e4) / 1e4 || 0;
export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

export const isNumber = (text) => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);

// A typed redshift: a decimal comma is taken for a point; null where it is not a number.
export function typedRedshift(text) {
  const trimmed = text.trim().replace(/^([^,.]*),([^,.]*)$/, "$1.$2");
  return isNumber(trimmed) ? Number(trimmed) : null;
}
