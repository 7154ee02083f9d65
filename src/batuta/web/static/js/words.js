// The scripts' words and numbers in the visitor's language. The page carries them; nothing is fetched.

const holder = document.getElementById("words");
const table = holder ? JSON.parse(holder.textContent) : {};
const tag = document.documentElement.lang || "en";
const ordinals = new Intl.PluralRules(tag, { type: "ordinal" });

/** Return the sentence of that key with `{name}` filled in. */
export function say(key, values = {}) {
  const sentence = table[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Return the sentence of that key, or nothing where there is none. */
export function maybe(key) {
  return table[key] ?? "";
}

/** Return a number as this language writes it. */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(tag, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** Return seconds with the digits that matter at their size. */
export function seconds(value) {
  return say("seconds", { n: number(value, value < 10 ? 1 : 0) });
}

/** Return a place in a queue: 2nd, 2.º. */
export function place(n) {
  return say(`place.${ordinals.select(n)}`, { n: number(n) });
}
