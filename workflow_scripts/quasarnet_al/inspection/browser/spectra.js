// Spectra as the page holds them: unpacking, rebinning, smoothing, spikes. Pure.

export const LOG_STEP = 1e-3;
export const LOG_FIRST = Math.log10(3600);
export const GRID_SIZE = 443;

function bytes(text) {
  const binary = atob(text);
  const result = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) result[i] = binary.charCodeAt(i);
  return result;
}

// The packed codes are little-endian, as every browser's machine is.
export function small(packed) {
  const codes = new Int16Array(bytes(packed.values).buffer);
  const step = (packed.high - packed.low) / 65535;
  return Float64Array.from(codes, (code) => packed.low + (code + 32768) * step);
}

// Lower edge of the network's pixel i.
export const pixelEdge = (grid, i) => (grid.kind === "log" ? grid.first * 10 ** (i * grid.step) : grid.first + i * grid.step);
export const pixelWavelength = (grid, i) => pixelEdge(grid, i + 0.5);

// Flux and ivar of record.py's `encode`; ivar 0 where a pixel has no data.
export function decode(packed) {
  const { scale, low, high } = packed;
  const codes = new Int16Array(bytes(packed.flux).buffer), errors = bytes(packed.error);
  const reach = Math.asinh(1e6), n = codes.length, ratio = Math.log(high / low) / 254;
  const flux = new Float64Array(n), ivar = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    if (errors[i] === 255) continue;
    flux[i] = scale * Math.sinh((codes[i] / 32767) * reach);
    const error = low * Math.exp(ratio * errors[i]);
    ivar[i] = 1 / (error * error);
  }
  return { flux, ivar };
}

// A spectrum of the page, ready to be drawn and fitted.
export function unpack(record, wavelength, grid) {
  const pixels = small(record.pixels);
  let s;
  if (record.coadd) {
    const { flux, ivar } = decode(record.coadd);
    s = { full: true, wavelength: Float64Array.from(flux, (_, i) => wavelength.first + i * wavelength.step), flux, ivar };
  } else {
    s = { full: false, wavelength: Float64Array.from(pixels, (_, i) => pixelWavelength(grid, i)), flux: pixels, ivar: pixels.map(() => 1) };
    for (const [from, to] of record.gaps) s.ivar.fill(0, from, to + 1);
  }
  s.pixels = pixels;
  s.spikes = s.full ? spikes(s) : new Uint8Array(s.flux.length);
  s.trusted = s.ivar.map((w, i) => (s.spikes[i] ? 0 : w));
  s.grid = rebin(s, LOG_STEP, GRID_SIZE);
  s.first = s.ivar.findIndex((w) => w > 0);
  s.last = s.ivar.length - 1 - [...s.ivar].reverse().findIndex((w) => w > 0);
  if (s.first < 0) { s.first = 0; s.last = s.flux.length - 1; }
  s.network = overlay(s, grid);
  return s;
}

// Each arm by itself: the joined coadd where it is alone, its own pixels where two overlap.
export function armsApart(s, overlaps, { first, step }) {
  const place = (wavelength) => Math.round((wavelength - first) / step);
  const limits = { B: [0, 0], R: [0, 0], Z: [0, s.flux.length] };
  for (const { arm, first: start, pieces } of overlaps.map((o) => ({ ...o, pieces: decode(o) }))) {
    const at = place(start), end = at + pieces.flux.length;
    if (arm === "B") limits.B[1] = end;
    else if (arm === "Z") limits.Z[0] = at;
    else if (limits.R[0] === 0) limits.R[0] = at;
    if (arm === "R") limits.R[1] = end;
  }
  if (!limits.B[1] || !limits.Z[0]) return [];
  return Object.entries(limits).map(([arm, [from, to]]) => {
    const piece = { arm, wavelength: s.wavelength.slice(from, to), flux: s.flux.slice(from, to), ivar: s.ivar.slice(from, to) };
    for (const own of overlaps.filter((o) => o.arm === arm)) {
      const { flux, ivar } = decode(own), at = place(own.first) - from;
      piece.flux.set(flux, at);
      piece.ivar.set(ivar, at);
    }
    return piece;
  });
}

// Values every `step` Angstrom from `start`, interpolated at the pixels of a spectrum.
export const sampled = (values, start, step, wavelength) => wavelength.map((w) => {
  const x = (w - start) / step, i = Math.floor(x);
  return i < 0 || i >= values.length - 1 ? NaN : values[i] + (x - i) * (values[i + 1] - values[i]);
});

// Runs of one to three pixels that no spectrograph can have made: all far above (or below)
// their surroundings, while the pixels on both sides hardly are. Beside the core of a line as
// narrow as DESI's resolution, 2.2 pixels of 0.8 A, the next pixels keep 0.57, 0.33 and 0.19 of
// its lowest for a core of one, two and three pixels. With less than `share` it is a spike; its
// height in errors is asked to be so great that noise does not make a spike of a line.
const SPIKES = [{ width: 1, share: 0.3, height: 12 }, { width: 2, share: 0.12, height: 16 }, { width: 3, share: 0.06, height: 25 }];
export function spikes({ flux, ivar }) {
  const n = flux.length, found = new Uint8Array(n);
  for (const { width, share, height } of SPIKES) {
    for (let i = 3; i + width + 3 <= n; i++) {
      if (!(ivar[i - 1] > 0 && ivar[i + width] > 0)) continue;
      const step = flux[i] - flux[i - 1], sign = Math.sign(step);
      // Most pixels end here: a spike rises at once.
      if (!(step * step * Math.min(ivar[i], ivar[i - 1]) > (height * (1 - share)) ** 2 / 2)) continue;
      const around = [];
      for (let j = i - 3; j < i + width + 3; j++) if ((j < i || j >= i + width) && ivar[j] > 0) around.push(flux[j]);
      const level = around.sort((a, b) => a - b)[around.length >> 1];
      let lowest = Infinity, weight = Math.min(ivar[i - 1], ivar[i + width]);
      for (let j = i; j < i + width; j++) {
        lowest = Math.min(lowest, sign * (flux[j] - level));
        weight = Math.min(weight, ivar[j]);
      }
      if (!(lowest * Math.sqrt(weight) > height)) continue;
      if ([i - 1, i + width].every((j) => sign * (flux[j] - level) < share * lowest)) found.fill(1, i, i + width);
    }
  }
  return found;
}

// Sums of ivar and of flux * ivar in pixels of `step` dex from 3600 A, spikes left out.
export function rebin(s, step, size) {
  const weight = new Float64Array(size), sum = new Float64Array(size);
  for (let i = 0; i < s.wavelength.length; i++) {
    const ivar = s.trusted[i];
    if (!(ivar > 0)) continue;
    const pixel = Math.floor((Math.log10(s.wavelength[i]) - LOG_FIRST) / step + 1e-9);
    if (pixel < 0 || pixel >= size) continue;
    weight[pixel] += ivar;
    sum[pixel] += ivar * s.flux[i];
  }
  return { flux: sum.map((x, i) => (weight[i] > 0 ? x / weight[i] : 0)), weight };
}

// The network's pixels are normalised: the line a + b * pixel that fits the flux brings
// them back to flux units. NaN where there are no data.
function overlay(s, grid) {
  if (!s.full) return s.pixels;
  const place = s.pixels.map((_, i) => Math.floor((Math.log10(pixelWavelength(grid, i)) - LOG_FIRST) / LOG_STEP));
  let w = 0, x = 0, y = 0, xx = 0, xy = 0;
  s.pixels.forEach((pixel, i) => {
    const weight = s.grid.weight[place[i]], flux = s.grid.flux[place[i]];
    if (!(weight > 0)) return;
    w += weight; x += weight * pixel; y += weight * flux;
    xx += weight * pixel ** 2; xy += weight * pixel * flux;
  });
  const b = (w * xy - x * y) / (w * xx - x * x || 1), a = (y - b * x) / (w || 1);
  return s.pixels.map((value, i) => (s.grid.weight[place[i]] > 0 ? a + b * value : NaN));
}

// Gaussian smoothing weighted by ivar; the error is that of the smoothed value.
export function smoothed(s, sigma, ivar = s.ivar) {
  const n = s.flux.length;
  if (!(sigma > 0)) return { flux: s.flux, error: ivar.map((w) => (w > 0 ? 1 / Math.sqrt(w) : NaN)) };
  const reach = Math.ceil(3 * sigma), kernel = [];
  for (let j = -reach; j <= reach; j++) kernel.push(Math.exp((-j * j) / (2 * sigma * sigma)));
  const flux = new Float64Array(n), error = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0, weight = 0, variance = 0;
    const from = Math.max(0, i - reach), to = Math.min(n - 1, i + reach);
    for (let j = from; j <= to; j++) {
      const k = kernel[j - i + reach], w = k * ivar[j];
      sum += w * s.flux[j]; weight += w; variance += k * w;
    }
    flux[i] = weight > 0 ? sum / weight : 0;
    error[i] = weight > 0 ? Math.sqrt(variance) / weight : NaN;
  }
  return { flux, error };
}

// The first pixel at or above a wavelength.
export function indexOf(s, wavelength) {
  let low = 0, high = s.wavelength.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (s.wavelength[middle] < wavelength) low = middle + 1; else high = middle;
  }
  return low;
}

// Both ends of what has data, with a margin.
export function fullRange(s) {
  const margin = (s.wavelength[s.last] - s.wavelength[s.first]) * 0.008;
  return [s.wavelength[s.first] - margin, s.wavelength[s.last] + margin];
}

// The range of flux to show between two wavelengths. Noise beyond 4 in 1,000 pixels is cut
// away; a peak that exceeds PEAK errors in three pixels or more, smoothed, never is.
const PEAK = 5;
export function fluxRange(s, curve, x0, x1, all) {
  const from = indexOf(s, x0), to = indexOf(s, x1), values = [];
  for (let i = from; i < to; i++) if (s.ivar[i] > 0) values.push(curve.flux[i]);
  if (!values.length) return [-1, 1];
  values.sort((a, b) => a - b);
  const cut = all ? 0 : 0.004;
  let low = values[Math.floor(cut * (values.length - 1))], high = values[Math.ceil((1 - cut) * (values.length - 1))];
  if (!all && values.length > 400) {
    const middle = values[values.length >> 1], spread = values[Math.floor(0.975 * values.length)] - values[Math.floor(0.025 * values.length)];
    low = Math.max(low, middle - 3 * spread);
    high = Math.min(high, middle + 6 * spread);
  }
  if (!all && s.full) {
    s.peaks = s.peaks || smoothed(s, 2, s.trusted);
    const { flux, error } = s.peaks, middle = values[values.length >> 1];
    const stands = (i) => s.trusted[i] > 0 && flux[i] - middle > PEAK * error[i];
    for (let i = Math.max(1, from); i < Math.min(to, s.flux.length - 1); i++) {
      if (curve.flux[i] > high && stands(i - 1) && stands(i) && stands(i + 1)) high = curve.flux[i];
    }
  } else if (!all) high = Math.max(high, values.at(-1));
  if (s.full) low = Math.min(low, 0);
  const pad = (high - low || 1) * 0.07;
  return [low - pad, high + pad * 1.6];
}
