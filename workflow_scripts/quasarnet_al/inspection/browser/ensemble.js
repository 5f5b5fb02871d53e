import { clamp, Z_MIN } from "./base.js";
import { FONT, ink, line, surface, ticks } from "./canvas.js";
import { $, element, keycap } from "./document.js";
import { setZ } from "./actions.js";
import { small } from "./spectra.js";
import { ensembleAllowed, ensembleVisible, view } from "./state.js";

// What the ensemble says of a spectrum: votes, redshifts, confidences and the map.

export function showEnsemble(record) {
  const box = $("ensemble"), head = element("h2", {}, "ensemble ", keycap("E"));
  const note = (text) => box.replaceChildren(head, element("p", { className: "hidden-note", textContent: text }));
  if (!record.ensemble) return note("no ensemble looked at this spectrum");
  if (!ensembleVisible(view.index)) return note(ensembleAllowed(view.index) ? "hidden; E shows it" : "hidden until you have answered, so that the label is yours");
  const e = record.ensemble, votes = element("div", { className: "bars" }), confidences = element("div", { className: "bars" });
  for (const [name, share] of Object.entries(e.votes)) bar(votes, name, share);
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
  return undefined;
}

function bar(box, name, share) {
  const fill = element("b", {});
  fill.style.width = `${100 * clamp(share, 0, 1)}%`;
  box.append(element("span", { textContent: name }), element("div", {}, fill), element("output", { textContent: share.toFixed(2) }));
}

function drawHistogram(canvas, values) {
  const { g, width, height } = surface(canvas);
  const good = values.filter((z) => z > Z_MIN);
  const high = Math.max(1, Math.ceil(Math.max(0, ...good) * 2) / 2), bins = 48, counts = Array.from({ length: bins }, () => []);
  for (const z of good) counts[clamp(Math.floor((z / high) * bins), 0, bins - 1)].push(z);
  const most = Math.max(1, ...counts.map((c) => c.length)), bottom = height - 13;
  g.font = `10px ${FONT}`;
  counts.forEach((list, k) => {
    g.fillStyle = ink.accent;
    const h = list.length ? Math.max(2, (list.length / most) * (bottom - 4)) : 0;
    g.fillRect((k / bins) * width, bottom - h, width / bins - 1, h);
  });
  g.strokeStyle = ink.mark;
  line(g, (view.z / high) * width, 0, (view.z / high) * width, bottom);
  g.strokeStyle = ink.soft;
  line(g, 0, bottom + 0.5, width, bottom + 0.5);
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
