import { indexOf } from "./spectra.js";

// Colours of the style sheet, and what all canvases draw with.

export const FONT = 'system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif';
export const ink = {};
const COLOURS = ["paper", "panel", "edge", "ink", "soft", "faint", "flux", "noise", "network", "template", "emission", "absorption", "sky", "telluric", "mark", "accent", "qso", "galaxy", "star", "arm-b", "arm-r", "arm-z", "absorber"];
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of COLOURS) ink[name] = style.getPropertyValue(`--${name}`).trim();
}

// The cleared context of a canvas, in CSS pixels whatever the screen's resolution.
export function surface(canvas) {
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

export function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power, list = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) list.push(k * step || 0);
  return { list, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

// A line through the valid pixels of a spectrum, broken where there are none.
export function drawCurve(g, s, values, X, Y, x0, x1, valid) {
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
export function line(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
  g.stroke();
}
