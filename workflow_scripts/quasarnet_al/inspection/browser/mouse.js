import { clamp, Z_MAX, Z_MIN } from "./base.js";
import { ink } from "./canvas.js";
import { $, element, keycap, toast } from "./document.js";
import { closeLines, setZ } from "./actions.js";
import { extremumNear, findFeatures, NAMED } from "./features.js";
import { panelAt } from "./panels.js";
import { draw, fluxAt, frame, pan, PLOT, resetView, setView, wavelengthAt, zoom, zoomFlux } from "./plot.js";
import { fullRange, indexOf } from "./spectra.js";
import { schedule, spectrum, view } from "./state.js";

// Features of the spectrum that get a line's name, and the mouse on the plots.

// ---------------------------------------------------------------- features and lines

// A click is as precise as the view: a few points of the screen.
const REACH = 5;
const reachOfClick = () => ((frame.x1 - frame.x0) / (frame.right - PLOT.left)) * REACH;

export function markNext(sign) {
  if (view.features?.sign !== sign) view.features = { sign, at: -1, list: findFeatures(spectrum(view.index), sign) };
  const { list } = view.features;
  if (!list.length) return toast(`No ${sign > 0 ? "emission" : "absorption"} feature stands out; click one`);
  view.features.at = (view.features.at + 1) % list.length;
  return mark(list[view.features.at], 12);
}

// Mark the feature near a wavelength and ask which line it is: emission lines are taken at
// the maximum there, absorption lines at the minimum.
export function mark(wavelength, reach = reachOfClick()) {
  const s = spectrum(view.index), peak = extremumNear(s, wavelength, reach, 1), trough = extremumNear(s, wavelength, reach, -1);
  view.mark = (peak.depth >= trough.depth ? peak : trough).wavelength;
  const box = $("lines");
  box.replaceChildren(element("p", { textContent: `feature at ${view.mark.toFixed(1)} Å is …` }));
  for (const [key, name, rest, sign] of NAMED) {
    const at = (sign > 0 ? peak : trough).wavelength, z = at / rest - 1;
    if (z < Z_MIN || z > Z_MAX) continue;
    const node = element("button", { type: "button", onclick: () => nameLine(name, z) }, keycap(key), element("span", { textContent: name }), element("span", { textContent: `z ${z.toFixed(3)}` }));
    node.dataset.key = key;
    box.append(node);
  }
  box.hidden = false;
  schedule();
  requestAnimationFrame(() => {
    const x = frame.X(view.mark ?? wavelength), side = x > frame.right - 210 ? x - 194 : x + 12;
    box.style.left = `${clamp(side, 4, Math.max(4, frame.right - 190))}px`;
    box.style.top = `${PLOT.top + 8}px`;
  });
}

// Keys of the open menu; whether there was one.
export function nameByKey(digit) {
  const node = [...$("lines").querySelectorAll("button")].find((n) => n.dataset.key === digit);
  if (node) node.click();
  return Boolean(node);
}

// Move the mark by points of the screen, whether there is a feature or not.
export const moveMark = (by) => mark(view.mark + by * ((frame.x1 - frame.x0) / (frame.right - PLOT.left)), 0);

function nameLine(name, z) {
  closeLines();
  setZ(z);
  toast(`The feature is ${name}: z = ${z.toFixed(4)}`);
}

// ---------------------------------------------------------------- mouse

export function mouse() {
  const canvas = $("main");
  let press = null;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const by = event.deltaY || event.deltaX;
    if (event.shiftKey) zoomFlux(Math.exp(by * 0.0015), fluxAt(event.offsetY));
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / 600);
    else zoom(Math.exp(event.deltaY * 0.0015), clamp(wavelengthAt(event.offsetX), ...fullRange(spectrum(view.index))));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    press = { index: view.index, x: event.offsetX, view: [frame.x0, frame.x1], box: event.shiftKey, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    readout(event.offsetX);
    // Released outside of the window, or another spectrum by now.
    if (press && (!event.buttons || press.index !== view.index)) press = null;
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
      setView(x0, x0 + width);
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!press) return;
    const { index, x, box, moved } = press;
    press = null;
    if (index !== view.index) return;
    if (!moved) {
      if (event.detail < 2 && event.offsetX > PLOT.left && event.offsetX < frame.right) mark(wavelengthAt(event.offsetX));
    } else if (box) {
      const ends = [wavelengthAt(x), wavelengthAt(event.offsetX)].sort((p, q) => p - q);
      if (ends[1] - ends[0] > 15) setView(...ends);
    }
  });
  canvas.addEventListener("pointercancel", () => { press = null; });
  canvas.addEventListener("dblclick", () => { closeLines(); resetView(); });
  canvas.addEventListener("pointerleave", () => { $("readout").textContent = ""; });
  $("overview").addEventListener("pointerdown", moveWindow);
  $("overview").addEventListener("pointermove", (event) => { if (event.buttons & 1) moveWindow(event); });
  $("panels").addEventListener("click", (event) => {
    const centre = panelAt(event.offsetX);
    if (centre) setView(centre * 0.93, centre * 1.07);
  });
}

function moveWindow(event) {
  const [a, b] = fullRange(spectrum(view.index)), canvas = $("overview");
  const at = a + ((event.offsetX - PLOT.left) / (canvas.clientWidth - PLOT.left - PLOT.right)) * (b - a);
  const width = view.x ? view.x[1] - view.x[0] : (b - a) / 4;
  const x0 = clamp(at - width / 2, a, b - width);
  setView(x0, x0 + width);
}

function readout(offset) {
  const wavelength = wavelengthAt(offset), { s, c } = frame, i = clamp(indexOf(s, wavelength), 0, s.flux.length - 1);
  const flux = s.ivar[i] > 0 ? `f ${c.flux[i].toPrecision(3)}${s.full ? ` ± ${c.error[i].toPrecision(2)}` : ""}` : "no data";
  $("readout").textContent = `${wavelength.toFixed(1)} Å · rest ${(wavelength / (1 + view.z)).toFixed(1)} Å · ${flux}`;
}
