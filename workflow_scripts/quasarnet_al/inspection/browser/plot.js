import { clamp } from "./base.js";
import { drawCurve, FONT, ink, line, surface, ticks } from "./canvas.js";
import { $, D } from "./document.js";
import { templateCurve } from "./match.js";
import { drawPanels } from "./panels.js";
import { fluxRange, fullRange, indexOf, pixelEdge, sampled } from "./spectra.js";
import { arms, current, curve, pipelineModel, schedule, settings, shownTemplate, spectrum, view } from "./state.js";

// The large plot of a spectrum and the strip of the whole spectrum above it.

export const PLOT = { left: 52, right: 10, top: 62, bottom: 40 };
// How the plot was drawn last: ranges, scales, the spectrum and its smoothed curve.
export const frame = {};

export function draw() {
  const s = spectrum(view.index), c = curve(view.index);
  const [x0, x1] = view.x || fullRange(s);
  const [y0, y1] = view.y || fluxRange(s, c, x0, x1, settings.full);
  const { g, width, height } = surface($("main"));
  const right = width - PLOT.right, bottom = height - PLOT.bottom;
  const X = (w) => PLOT.left + ((w - x0) / (x1 - x0)) * (right - PLOT.left);
  const Y = (f) => bottom - ((f - y0) / (y1 - y0)) * (bottom - PLOT.top);
  Object.assign(frame, { x0, x1, y0, y1, X, Y, right, bottom, s, c, model: null });
  const labels = lineLabels(X, x0, x1);

  g.save();
  g.beginPath();
  g.rect(PLOT.left, PLOT.top, right - PLOT.left, bottom - PLOT.top);
  g.clip();
  drawBackground(g, labels);
  drawSpectrum(g);
  drawMarks(g);
  g.restore();
  drawLabels(g, labels.filter((label) => label.lane !== null));
  drawAxes(g, width, height);
  drawOverview(s, c, x0, x1);
  drawPanels(frame.model, PLOT.left, PLOT.right);
  if (view.drawn !== view.index) Object.assign(view, { drawn: view.index, since: performance.now() });
}

// What is beneath the spectrum: sky, atmosphere, zero, lines.
function drawBackground(g, labels) {
  const { X, Y, right, bottom } = frame;
  g.font = `11px ${FONT}`;
  if (settings.sky) {
    for (const [colour, list] of [[ink.sky, D.sky], [ink.telluric, D.telluric]]) {
      g.fillStyle = colour;
      for (const [a, b] of list) g.fillRect(X(a), PLOT.top, Math.max(1, X(b) - X(a)), bottom - PLOT.top);
    }
    g.fillStyle = ink.soft;
    g.textAlign = "center";
    for (const [a, b] of D.telluric) if (X(b) - X(a) > 5) g.fillText("⊕", X((a + b) / 2), bottom - 12);
  }
  g.strokeStyle = ink.soft;
  g.lineWidth = 0.6;
  line(g, PLOT.left, Y(0), right, Y(0));
  for (const label of labels) {
    g.strokeStyle = label.colour;
    g.lineWidth = 1;
    g.globalAlpha = label.major ? 0.55 : 0.28;
    g.setLineDash(label.absorption ? [2, 3] : []);
    line(g, label.x, PLOT.top, label.x, bottom);
  }
  g.setLineDash([]);
  g.globalAlpha = 1;
}

function drawSpectrum(g) {
  const { s, c, X, Y, x0, x1 } = frame, good = (i) => s.ivar[i] > 0;
  if (settings.noise && s.full) {
    g.strokeStyle = ink.noise;
    g.lineWidth = 1;
    drawCurve(g, s, c.error, X, Y, x0, x1, good);
  }
  // The unsmoothed data stay visible as a shadow of the smoothed line.
  g.strokeStyle = ink.flux;
  if (s.full && settings.smooth > 0) {
    g.globalAlpha = 0.12;
    g.lineWidth = 0.7;
    drawCurve(g, s, s.flux, X, Y, x0, x1, good);
    g.globalAlpha = 1;
  }
  g.lineWidth = 1.1;
  const apart = settings.arms ? arms(view.index) : [];
  if (!apart.length) drawCurve(g, s, c.flux, X, Y, x0, x1, good);
  for (const piece of apart) {
    g.strokeStyle = ink[`arm-${piece.arm.toLowerCase()}`];
    drawCurve(g, piece, piece.curve.flux, X, Y, x0, x1, (i) => piece.ivar[i] > 0);
  }
  if (settings.network && s.full) drawNetwork(g);
  const t = shownTemplate(), own = pipelineModel();
  // Pixels of a model lie every 1.6 A from 3600.4 A (production.py).
  if (own) frame.model = sampled(own, 3600.4, 1.6, s.wavelength);
  else frame.model = t ? templateCurve(s, t, view.z) : null;
  frame.modelName = own ? `redrock's model${current().computed ? ", computed from its coefficients" : ""}` : t ? t.name : "";
  if (!frame.model) return;
  g.strokeStyle = ink.template;
  g.lineWidth = 1.3;
  drawCurve(g, s, frame.model, X, Y, x0, x1, (i) => frame.model[i] === frame.model[i] && i >= s.first && i <= s.last);
}

function drawNetwork(g) {
  const { s, X, Y, x0, x1 } = frame;
  g.strokeStyle = ink.network;
  g.lineWidth = 1.3;
  g.beginPath();
  let open = false;
  for (let i = 0; i < s.network.length; i++) {
    const a = pixelEdge(D.grid, i), b = pixelEdge(D.grid, i + 1), y = Y(s.network[i]);
    if (b < x0 || a > x1 || !(y === y)) { open = false; continue; }
    if (open) g.lineTo(X(a), y); else g.moveTo(X(a), y);
    g.lineTo(X(b), y);
    open = true;
  }
  g.stroke();
}

// Pixels without data, and the feature that is marked.
function drawMarks(g) {
  const { s, X, x0, x1, bottom } = frame;
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
    line(g, X(view.mark), PLOT.top, X(view.mark), bottom);
  }
}

// Major lines get their label first, then the others where there is room. The lines of an
// absorber at a redshift of its own have a prime after their names.
function lineLabels(X, x0, x1) {
  const list = [];
  const add = (lines, level, colour, absorption, z = view.z, prime = "") => {
    for (const [name, rest, major] of lines) {
      const wavelength = rest * (1 + z);
      if (wavelength > x0 && wavelength < x1 && (level > 1 || (level === 1 && major))) {
        list.push({ name: name + prime, x: X(wavelength), major, colour, absorption, lane: null });
      }
    }
  };
  add(D.emission, settings.emission, ink.emission, false);
  add(D.absorption, settings.absorption, ink.absorption, true);
  if (view.absorber !== null) add(D.absorption, 2, ink.absorber, true, view.absorber, "′");
  const g = $("main").getContext("2d"), lanes = [[], [], []];
  g.font = `600 11px ${FONT}`;
  for (const label of [...list].sort((a, b) => b.major - a.major || a.absorption - b.absorption || a.x - b.x)) {
    const half = g.measureText(label.name).width / 2 + 3;
    label.textX = clamp(label.x, PLOT.left + half, X(x1) - half);
    label.lane = lanes.findIndex((taken) => taken.every(([a, b]) => label.textX + half < a || label.textX - half > b));
    if (label.lane < 0) label.lane = null;
    else lanes[label.lane].push([label.textX - half, label.textX + half]);
  }
  return list;
}

// The names of lines above the plot, each on paper, so that no line runs through it.
function drawLabels(g, labels) {
  const yOf = (label) => PLOT.top - 4 - label.lane * 12;
  g.lineWidth = 0.7;
  for (const label of labels) {
    g.strokeStyle = label.colour;
    line(g, label.x, PLOT.top, label.x, yOf(label) + 1);
  }
  g.textAlign = "center";
  g.strokeStyle = ink.paper;
  g.lineWidth = 4;
  for (const label of labels) {
    g.font = `${label.major ? "600 " : ""}11px ${FONT}`;
    g.strokeText(label.name, label.textX, yOf(label));
    g.fillStyle = label.colour;
    g.fillText(label.name, label.textX, yOf(label));
  }
}

function drawAxes(g, width, height) {
  const { s, X, Y, x0, x1, y0, y1, right, bottom } = frame;
  g.strokeStyle = g.fillStyle = ink.soft;
  g.lineWidth = 1;
  g.strokeRect(PLOT.left + 0.5, PLOT.top + 0.5, right - PLOT.left, bottom - PLOT.top);
  g.font = `11px ${FONT}`;
  g.textAlign = "center";
  const observed = ticks(x0, x1, (right - PLOT.left) / 90);
  for (const w of observed.list) {
    line(g, X(w), bottom, X(w), bottom + 5);
    g.fillText(w.toFixed(observed.digits), X(w), bottom + 16);
  }
  g.fillText("observed wavelength in vacuum (Å)", (PLOT.left + right) / 2, height - 8);
  const rest = ticks(x0 / (1 + view.z), x1 / (1 + view.z), (right - PLOT.left) / 90);
  g.fillStyle = g.strokeStyle = ink.emission;
  for (const w of rest.list) {
    const x = X(w * (1 + view.z));
    line(g, x, 12, x, 16);
    if (x < right - 96) g.fillText(w.toFixed(rest.digits), x, 10);
  }
  line(g, PLOT.left, 16.5, right, 16.5);
  g.textAlign = "right";
  g.fillText("rest (Å)", right, 10);
  g.fillStyle = g.strokeStyle = ink.soft;
  const flux = ticks(y0, y1, (bottom - PLOT.top) / 46);
  for (const f of flux.list) {
    if (Y(f) < PLOT.top + 4) continue;
    line(g, PLOT.left, Y(f), PLOT.left - 4, Y(f));
    g.fillText(f.toFixed(flux.digits).replace("-", "−"), PLOT.left - 7, Y(f) + 4);
  }
  g.save();
  g.translate(11, (PLOT.top + bottom) / 2);
  g.rotate(-Math.PI / 2);
  g.textAlign = "center";
  g.fillText(s.full ? "flux (10⁻¹⁷ erg s⁻¹ cm⁻² Å⁻¹)" : "normalised flux (443 pixels; coadd not at hand)", 0, 0);
  g.restore();
}

function drawOverview(s, c, x0, x1) {
  const { g, width, height } = surface($("overview"));
  const [a, b] = fullRange(s), [y0, y1] = fluxRange(s, c, a, b, settings.full);
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

// ---------------------------------------------------------------- zoom and pan

export const wavelengthAt = (offset) => frame.x0 + ((offset - PLOT.left) / (frame.right - PLOT.left)) * (frame.x1 - frame.x0);
export const fluxAt = (offset) => frame.y1 - ((offset - PLOT.top) / (frame.bottom - PLOT.top)) * (frame.y1 - frame.y0);

export function setView(x0, x1) {
  const [a, b] = fullRange(spectrum(view.index)), from = Math.max(a, x0), to = Math.min(b, x1);
  view.x = from <= a && to >= b ? null : [from, to];
  schedule();
}

export function zoom(factor, centre) {
  const [x0, x1] = view.x || fullRange(spectrum(view.index)), at = centre ?? (x0 + x1) / 2;
  const from = at - (at - x0) * factor, to = at + (x1 - at) * factor;
  if (to - from > 20) setView(from, to);
}

export function zoomFlux(factor, centre) {
  const { y0, y1 } = frame, at = centre ?? Math.max(y0, 0);
  view.y = [at - (at - y0) * factor, at + (y1 - at) * factor];
  schedule();
}

export function pan(share) {
  if (!view.x) return;
  const [a, b] = fullRange(spectrum(view.index)), width = view.x[1] - view.x[0];
  const x0 = clamp(view.x[0] + share * width, a, b - width);
  setView(x0, x0 + width);
}

export function resetView() {
  view.x = view.y = null;
  schedule();
}
