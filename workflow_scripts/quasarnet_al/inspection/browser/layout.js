// What a key means on whatever keyboard. Pure.

// By what the key types, where that is a letter, digit or sign of the page; otherwise by its
// place, but only where that is what its cap says: digits that need Shift (AZERTY, Czech),
// letters of other scripts, comma and point with Shift. Keys that compose a character, that are
// typed with AltGr, or that have an accent mean nothing here.
const UNSHIFTED = /^[&\x22'(_!+§-]$|[^\u0000-\u007f]/;
export function nameOfKey(event) {
  const { key = "", code, shiftKey } = event, altGr = event.getModifierState?.("AltGraph");
  if (event.isComposing || event.keyCode === 229 || ["Process", "Dead", "Unidentified"].includes(key)) return "";
  if (/^[0-9?/,.]$/.test(key)) return key;
  if (altGr) return "";
  if (key.length > 1) return key;
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  const digit = /^Digit([0-9])$/.exec(code), letter = /^Key([A-Z])$/.exec(code), other = key > "\u007f";
  if (digit && !shiftKey && UNSHIFTED.test(key)) return digit[1];
  if (letter && other && !/\p{Script=Latin}/u.test(key)) return letter[1].toLowerCase();
  if (shiftKey || other) return { Comma: ",", Period: "." }[code] || key;
  return key;
}
