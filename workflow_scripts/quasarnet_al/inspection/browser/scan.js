import { clamp, CLASSES } from "./base.js";
import { FONT, ink, line, surface } from "./canvas.js";
import { setZ } from "./actions.js";
import { bestOfClass } from "./match.js";
import { refresh, scanned, view } from "./state.js";

// Fits of each class against redshift. A click takes the best redshift near it.
export function drawScan(canvas) {
  if (!canvas.isConnected) return;
  const { g, width, height } = surface(canvas), bottom = height - 12, end = Math.log10(1 + 6.2);
  const curves = CLASSES.map(([spectype]) => ({ spectype, points: bestOfClass(scanned(view.index), spectype) })).filter(({ points }) => points.length);
  const all = curves.flatMap(({ points }) => points.map(([, gain]) => gain)).filter(Number.isFinite);
  if (!all.length) return;
  all.sort((a, b) => a - b);
  const high = all.at(-1), middle = all[all.length >> 1], low = middle - 0.3 * (high - middle);
  const X = (logZ) => 2 + (Math.max(0, logZ) / end) * (width - 4), Y = (gain) => bottom - 2 - (clamp((gain - low) / (high - low || 1), 0, 1)) * (bottom - 6);
  for (const { spectype, points } of curves) {
    g.strokeStyle = ink[spectype.toLowerCase()];
    g.lineWidth = spectype === "STAR" ? 3 : 1;
    g.beginPath();
    for (const [logZ, gain] of points) if (Number.isFinite(gain)) g.lineTo(X(logZ), Y(gain));
    g.stroke();
  }
  g.strokeStyle = ink.mark;
  g.lineWidth = 1;
  line(g, X(Math.log10(1 + view.z)), 0, X(Math.log10(1 + view.z)), bottom);
  g.strokeStyle = g.fillStyle = ink.soft;
  line(g, 0, bottom + 0.5, width, bottom + 0.5);
  g.font = `10px ${FONT}`;
  for (const z of [0, 0.5, 1, 2, 3, 4, 6]) {
    g.textAlign = z === 0 ? "left" : "center";
    g.fillText(z === 0 ? "fit, z 0" : String(z), X(Math.log10(1 + z)), height - 1);
  }
  canvas.onclick = (event) => {
    const near = curves.flatMap(({ spectype, points }) => points.filter(([logZ]) => Math.abs(X(logZ) - event.offsetX) <= 4).map(([logZ, gain]) => ({ logZ, gain, spectype })));
    if (!near.length) return;
    const best = near.reduce((a, b) => (b.gain > a.gain ? b : a));
    setZ(10 ** best.logZ - 1);
    view.spectype = best.spectype;
    refresh();
  };
}
