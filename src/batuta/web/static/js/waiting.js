// The line a person sees before the first word: which model, what it is doing, how far, how long.

import { call, modelPath } from "./api.js";
import { announce, make } from "./dom.js";
import { answersNow, nameOf, rowOf, rows } from "./rows.js";
import { maybe, number, place, say } from "./words.js";

const OFFER_AFTER_MS = 1200; // a wait shorter than this needs no way out
const ASK_AGAIN_MS = 4000; // who can answer at once changes meanwhile
const LOADS = new Set(["evicting", "starting", "reading", "warming"]);

export class Waiting {
  #started = performance.now();
  #line = make("p", { class: "stage" });
  #bar = make("progress", { max: 100, hidden: true, "aria-label": say("waiting.progress") });
  #other = make("button", { type: "button", class: "quiet", hidden: true });
  #timer;
  #askedAt = -ASK_AGAIN_MS;
  #stage = "";
  #note = {};

  /** `onCancel()` ends the wait; `onOther(id)` asks another model instead. */
  constructor({ model, onCancel, onOther }) {
    this.model = model;
    this.onOther = onOther;
    const cancel = make("button", { type: "button", class: "quiet", on: { click: onCancel } }, say("cancel"));
    this.element = make("div", { class: "waiting" }, this.#line, this.#bar, make("p", { class: "actions" }, cancel, this.#other));
    this.#timer = setInterval(() => this.#tick(), 250);
    this.#show();
    this.look();
  }

  /** Take in a note of the stream: stage, fraction, model, elapsed_s, remaining_s, position. */
  update(note) {
    this.#note = { ...note, at: performance.now() };
    if (note.model) this.model = note.model;
    this.#show();
  }

  /** Look at the models panel, which is current to a fifth of a second where the stream's notes are not. */
  look() {
    const waited = rows().filter((row) => row.stage && (this.model === "auto" || row.model === this.model));
    if (waited.length !== 1) return; // nothing to wait for, or nobody knows which one
    const [{ model, stage, percent, elapsed, remaining }] = waited;
    const value = (text, scale = 1) => (text === undefined ? undefined : Number(text) / scale);
    const position = this.#note.stage === "queued" ? this.#note.position : undefined;
    this.update({ model, stage, position, fraction: value(percent, 100), elapsed_s: value(elapsed), remaining_s: value(remaining) });
  }

  close() {
    clearInterval(this.#timer);
    this.element.remove();
  }

  #tick() {
    if (performance.now() - this.#started > OFFER_AFTER_MS) this.#offerOther();
    this.#show();
  }

  // A model that is ready loads no more, whatever the last note said of it.
  #current() {
    const isOver = LOADS.has(this.#note.stage) && rowOf(this.model)?.status === "ready";
    return isOver ? {} : this.#note;
  }

  #show() {
    const { stage = "", fraction, position, remaining_s: remaining, elapsed_s: elapsed, at = this.#started } = this.#current();
    const now = performance.now();
    const percent = typeof fraction === "number" ? Math.round(fraction * 100) : null;
    const waited = elapsed === undefined || elapsed === null ? (now - this.#started) / 1000 : elapsed + (now - at) / 1000;
    // In the panel's words: who has to finish first, and how long that and the load will take.
    const waits = LOADS.has(stage) && stage !== "evicting" ? "" : rowOf(this.model)?.waits;
    const queued = stage === "queued" && position ? say("waiting.queued", { place: place(position) }) : "";
    const doing = waits || queued || maybe(`stage.${stage}`) || say("stage.asking");
    const parts = [percent === null ? doing : say("waiting.percent", { doing, percent })];
    if (waits && queued && position > 1) parts.unshift(queued);
    if (waited >= 1) parts.push(say("seconds", { n: number(Math.floor(waited)) }));
    if (remaining > 0) parts.push(say("waiting.left", { n: number(Math.max(1, Math.round(remaining - (now - at) / 1000))) }));
    const name = this.model && this.model !== "auto" ? make("strong", {}, nameOf(this.model)) : null;
    this.#line.replaceChildren(...(name ? [name, " · "] : []), parts.join(" · "));
    this.#bar.hidden = percent === null;
    if (percent !== null) this.#bar.value = percent;
    const news = doing.replace(/[\d.,]+/g, ""); // read out anew when something happens, not each second
    if (news !== this.#stage) announce([this.model === "auto" ? "" : nameOf(this.model), doing].filter(Boolean).join(": "));
    this.#stage = news;
  }

  async #offerOther() {
    const model = this.model;
    const now = performance.now();
    if (!model || model === "auto" || now - this.#askedAt < ASK_AGAIN_MS) return;
    this.#askedAt = now;
    let other = "";
    try {
      other = (await (await call(modelPath(model, "alternative"))).json()).model;
    } catch {
      // no other model can answer: there is nothing to offer
    }
    this.#other.hidden = !other || other === model || !answersNow(other);
    if (this.#other.hidden) return;
    this.#other.textContent = say("waiting.other", { model: nameOf(other) });
    this.#other.onclick = () => this.onOther(other);
  }
}
