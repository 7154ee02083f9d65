// Says what went wrong in the visitor's words. What the API said stands below it, without addresses inside this machine.

import { icon, make } from "./dom.js";
import { nameOf, rowOf } from "./rows.js";
import { maybe, number, say } from "./words.js";

const OWN = new Set(["", "unreachable", "empty", "garbled"]); // the page's own errors: already in its words
const TECHNICAL = /^(?:upstream_|stream_broken|model_not_found|internal_error|key_invalid)/; // codes whose messages speak to programs
const INSIDE = /\b(?:127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+/g;
const FULL = /(\d+) tokens\D+exceeds? the available context size \((\d+)/i;

const isEnglish = () => document.documentElement.lang.startsWith("en");

/** The words for a cause; a server elsewhere has no process here that could crash. */
export function causeWords(cause, model) {
  const row = rowOf(model);
  return (cause === "crash" && row && !row.ours && maybe("cause.crash.remote")) || maybe(`cause.${cause}`);
}

/** Return `{title, text, isForeign, small, details, isFull}` for an error. `isForeign`: the text is the API's English. */
export function describe(error) {
  const { message = "", code = "", model = "" } = error;
  const name = model && model !== "auto" ? nameOf(model) : say("error.themodel");
  const full = fullness(error);
  if (full) return { title: say("full.title"), text: fullText(full, name, model), small: "", details: "", isFull: true };
  const cleaned = message.replace(INSIDE, name);
  if (OWN.has(code)) return { text: cleaned, small: "", details: "" };
  if (code === "model_not_found" && document.getElementById("first")) return { text: say("error.nomodel"), small: "", details: "" };
  const isNamed = name === nameOf(model); // a model's own name keeps its first letter
  const pins = (error.details?.pinned_by ?? []).map(nameOf).join(", ");
  const held = (error.details?.held_by ?? []).map(nameOf).join(", ");
  const kept = pins ? say("error.pinned", { model: name, pins }) : held && say("error.held", { model: name, held });
  const filled = kept || capital(maybe(`failed.${code}`)).replace("{model}", name);
  const ours = isNamed ? filled : capital(filled);
  const isTold = !kept && (!ours || (isEnglish() && !TECHNICAL.test(code)));
  const small = kept || error.why === "unknown" ? "" : causeWords(error.why, model);
  const details = [isTold ? "" : cleaned, model === name ? "" : model, code].filter(Boolean).join(" · ");
  return { text: isTold ? cleaned : ours, isForeign: isTold && !isEnglish(), small, details };
}

/** Return one sentence for a problem, for places with room for no more. */
export function sentence(problem) {
  return describe(problem).text;
}

/** Return the box that stands where an answer would: what happened, why, and what can be done. */
export function problemBox(error, { isPart, onRetry, onOther, onNew, onPick }) {
  const { title, text, isForeign, small, details, isFull } = describe(error);
  const button = (label, click, ...before) => make("button", { type: "button", class: "quiet", on: { click } }, ...before, label);
  const first = document.getElementById("first");
  const actions = isFull
    ? [button(say("error.newchat"), onNew), button(say("error.pick"), onPick)]
    : [button(say("retry"), onRetry, icon("retry"))];
  if (first) actions.unshift(button(say("error.guide"), () => document.getElementById("first")?.scrollIntoView()));
  else if (error.suggestion && !isFull) actions.push(button(say("error.use", { model: nameOf(error.suggestion) }), () => onOther(error.suggestion)));
  return make(
    "div",
    { class: "problem", role: "alert" },
    make("strong", {}, title || (isPart ? say("error.broken") : say("error.title"))),
    make("p", isForeign ? { lang: "en" } : {}, text),
    small && make("p", { class: "small" }, small),
    details && make("details", { class: "small" }, make("summary", {}, say("details")), make("p", { lang: "en" }, details)),
    make("p", { class: "actions" }, ...actions),
  );
}

function fullness({ code, message = "", details }) {
  const told = FULL.exec(message);
  if (code !== "context_full" && !told) return null;
  return { prompt: details?.n_prompt ?? told?.[1], context: details?.n_ctx ?? told?.[2] };
}

function fullText({ prompt, context }, name, model) {
  const way = say(rowOf(model)?.ours ? "full.ways.ours" : "full.ways");
  const sizes = prompt && context ? say("full.sizes", { prompt: number(Number(prompt)), context: number(Number(context)) }) : "";
  return [say("full.text", { model: name }), sizes, way].filter(Boolean).join(" ");
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
