import { C_KM_S } from "./base.js";
import { drawCurve, FONT, ink, line, surface } from "./canvas.js";
import { $, D } from "./document.js";
import { indexOf, smoothed } from "./spectra.js";
import { curve, settings, spectrum, view } from "./state.js";

// ±9000 km/s around the main lines at this redshift: a redshift is judged here.

const PANELS = [["Lyα", 1215.67], ["C IV", 1549.06], ["C III]", 1908.73], ["Mg II", 2799.12], ["[O II]", 3728.48], ["Ca K H", 3934.77], ["Hβ", 4862.68], ["[O III]", 5008.24], ["Hα", 6564.61]];
const PANEL_V = 9000;
let boxes = [];

// The observed wavelength of the panel at a place on the canvas, or undefined.
export const panelAt = (x) => boxes.find((box) => x >= box.left && x <= box.right)?.centre;

export function drawPanels(model, left, rightMargin) {
  const s = spectrum(view.index);
  const { g, width, height } = surface($("panels"));
  const c = settings.smooth >= 2 || !s.full ? curve(view.index) : (s.panelCurve = s.panelCurve || smoothed(s, 2));
  boxes = [];
  const shown = PANELS.filter(([, rest]) => {
    const w = rest * (1 + view.z);
    return w > s.wavelength[s.first] && w < s.wavelength[s.last];
  }).slice(0, 7);
  const gap = 8, each = Math.min(190, (width - left - rightMargin + gap) / Math.max(1, shown.length) - gap);
  if (!shown.length) {
    g.font = `11px ${FONT}`;
    g.fillStyle = ink.soft;
    g.textAlign = "center";
    g.fillText("no main line in the range at this redshift", width / 2, height / 2);
  }
  shown.forEach(([name, rest], k) => drawPanel(g, { s, c, model, name, centre: rest * (1 + view.z), left: left + k * (each + gap), each, top: 14, bottom: height - 13, first: k === 0 }));
}

function drawPanel(g, { s, c, model, name, centre, left, each, top, bottom, first }) {
  const x0 = centre * (1 - PANEL_V / C_KM_S), x1 = centre * (1 + PANEL_V / C_KM_S);
  const from = indexOf(s, x0), to = indexOf(s, x1), good = (i) => s.ivar[i] > 0;
  let low = Infinity, high = -Infinity;
  for (let i = from; i < to; i++) if (good(i)) { low = Math.min(low, c.flux[i]); high = Math.max(high, c.flux[i]); }
  if (!(high > low)) { low = -1; high = 1; }
  // The zero line where it is near, so that a strong line's contrast can be judged.
  if (s.full && low > 0 && low < 0.6 * high) low = 0;
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
    for (const [colour, list] of [[ink.telluric, D.telluric], [ink.sky, D.sky]]) {
      g.fillStyle = colour;
      for (const [a, b] of list) g.fillRect(X(a), top, X(b) - X(a), bottom - top);
    }
  }
  g.strokeStyle = ink.soft;
  g.lineWidth = 0.6;
  line(g, left, Y(0), left + each, Y(0));
  g.lineWidth = 1;
  g.strokeStyle = ink.emission;
  g.globalAlpha = 0.7;
  line(g, X(centre), top, X(centre), bottom);
  g.globalAlpha = 1;
  if (settings.noise && s.full) {
    g.strokeStyle = ink.noise;
    drawCurve(g, s, c.error, X, Y, x0, x1, good);
  }
  g.strokeStyle = ink.flux;
  drawCurve(g, s, c.flux, X, Y, x0, x1, good);
  if (model) {
    g.strokeStyle = ink.template;
    drawCurve(g, s, model, X, Y, x0, x1, (i) => model[i] === model[i]);
  }
  g.restore();
  g.fillStyle = ink.emission;
  g.textAlign = "center";
  g.font = `600 11px ${FONT}`;
  g.fillText(name, left + each / 2, 10);
  g.font = `10px ${FONT}`;
  g.fillStyle = ink.soft;
  g.fillText(first ? "±9000 km/s" : `${centre.toFixed(0)} Å`, left + each / 2, bottom + 11);
  boxes.push({ left, right: left + each, centre });
}
