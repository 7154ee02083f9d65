// Asks for one answer and reports what comes back, piece by piece. Knows nothing of the page.

import { call, Problem, problemFrom } from "./api.js";
import { batutaNote, readEvents } from "./sse.js";
import { say } from "./words.js";

const now = () => performance.now();

/**
 * Stream one answer.
 *
 * @param {object} request `model` and `messages` as the API takes them; `stays`: no byte may leave the machine.
 * @param {AbortSignal} signal ends it.
 * @param {object} on listeners: `note(note)` while waiting, `reasoning(text)`, `text(text)`.
 * @returns {Promise<object>} what is known of it: model, route, fallback, seconds and tokens.
 */
export async function ask({ model, messages, stays = false }, signal, on) {
  const started = now();
  const body = { model, messages, stream: true, stream_options: { include_usage: true } };
  if (stays) body.local_only = true;
  const response = await call("/v1/chat/completions", { method: "POST", body, signal, headers: { "x-batuta-fallback": "allow" } });
  const facts = factsFrom(response.headers);
  let first = 0;
  let finish = "";
  for await (const event of readEvents(response.body)) {
    if (event.note !== undefined) {
      const note = batutaNote(event.note);
      if (note) takeNote(note, facts, on);
      continue;
    }
    if (event.data === "[DONE]") break;
    const chunk = parse(event.data);
    if (chunk.error) throw problemFrom(chunk);
    if (chunk.usage) Object.assign(facts, { prompt: chunk.usage.prompt_tokens, completion: chunk.usage.completion_tokens });
    const choice = chunk.choices?.[0];
    if (!choice) continue;
    facts.model ||= chunk.model;
    finish = choice.finish_reason ?? finish;
    const reasoning = choice.delta?.reasoning_content ?? choice.delta?.reasoning;
    const text = choice.delta?.content;
    if ((reasoning || text) && !first) {
      first = now();
      facts.ttft = (first - started) / 1000;
    }
    if (reasoning) on.reasoning(reasoning);
    if (text) on.text(text);
  }
  if (!first && !finish) throw new Problem({ message: say("error.empty"), code: "empty", model: facts.model });
  return { ...facts, finish, ...rateOf(facts, first) };
}

function factsFrom(headers) {
  const read = (name) => plain(headers.get(name) ?? "");
  return { model: read("x-batuta-model"), route: read("x-batuta-route"), fallback: read("x-batuta-fallback") };
}

// A header holds ASCII only; other letters come percent-encoded.
function plain(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function takeNote(note, facts, on) {
  if (note.stage) {
    on.note(note);
    return;
  }
  for (const key of ["model", "route", "fallback"]) if (note[key]) facts[key] = note[key];
  on.note(note);
}

function rateOf({ completion }, first) {
  const spent = (now() - first) / 1000;
  return completion > 1 && spent > 0.05 ? { rate: (completion - 1) / spent } : {};
}

function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    throw new Problem({ message: say("error.garbled"), code: "garbled" });
  }
}
