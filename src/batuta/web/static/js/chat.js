// The conversation: what was said, who is asked, and what a person can do about it.

import { ask } from "./answer.js";
import { announce } from "./dom.js";
import { AnswerTurn, userTurn } from "./turns.js";
import { Waiting } from "./waiting.js";
import { say } from "./words.js";

const KEY = "batuta.conversation";
const STAYS = "batuta.conversation.stays"; // kept beside it: this conversation never leaves the machine

// What is kept of an error: the page says it anew after a reload, in the language it then has.
function errorFacts({ message, code, why, model, suggestion, details }, asked) {
  return { message, code, why, model: model || asked, suggestion, details };
}

export class Chat {
  #messages = [];
  #running = null;
  #editing = null;
  #waiting = null;

  constructor(page, { pickModel }) {
    this.page = page;
    this.pickModel = pickModel;
    this.#restore();
    this.#listen();
    this.#showControls();
  }

  get isRunning() {
    return this.#running !== null;
  }

  /** Start over with an empty page. */
  reset() {
    this.stop();
    this.#messages = [];
    this.page.stays.checked = false; // it is a choice for one conversation
    this.#stopEditing();
    this.#draw();
    this.page.prompt.focus();
  }

  /** The models panel has a new picture. */
  refresh() {
    this.#waiting?.look();
  }

  /** End the answer that is being written; what has arrived stays. */
  stop() {
    this.#running?.abort();
  }

  #listen() {
    const { form, prompt, stop, stopEditing } = this.page;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.page.stays.addEventListener("change", () => this.#save());
    prompt.addEventListener("keydown", (event) => this.#key(event));
    prompt.addEventListener("input", () => this.#showControls());
    stop.addEventListener("click", () => this.stop());
    stopEditing.addEventListener("click", () => {
      this.#stopEditing();
      prompt.focus();
    });
  }

  #key(event) {
    if (event.isComposing) return; // Enter chooses a word in an input method; it does not send
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "ArrowUp" && !this.page.prompt.value && !this.isRunning) {
      const last = this.#messages.findLast((message) => message.role === "user");
      if (last) {
        event.preventDefault();
        this.#edit(last);
      }
    }
  }

  #send() {
    const text = this.page.prompt.value.trim();
    if (!text || this.isRunning) return;
    if (this.#editing) this.#messages.splice(this.#messages.indexOf(this.#editing));
    this.#stopEditing();
    this.#messages.push({ role: "user", text });
    this.page.prompt.value = "";
    this.#answer();
  }

  #edit(message) {
    if (this.isRunning) return;
    this.#editing = message;
    this.page.editing.hidden = false;
    this.page.prompt.value = message.text;
    this.page.prompt.focus();
    this.#showControls();
  }

  #stopEditing() {
    if (this.#editing) this.page.prompt.value = "";
    this.#editing = null;
    this.page.editing.hidden = true;
    this.#showControls();
  }

  // Drops `message` and what follows it, and asks again.
  #again(message, model) {
    if (this.isRunning) return;
    this.#messages.splice(this.#messages.indexOf(message));
    this.#answer(model);
  }

  async #answer(model = this.pickModel()) {
    const message = { role: "assistant", text: "" };
    const asked = this.#messages.map(({ role, text }) => ({ role, content: text })).filter(({ content }) => content);
    this.#messages.push(message);
    this.#draw();
    const turn = this.#lastTurn;
    const running = (this.#running = new AbortController());
    let next = null;
    const waiting = new Waiting({
      model,
      onCancel: () => running.abort(),
      onOther: (other) => {
        next = other;
        running.abort();
      },
    });
    this.#waiting = waiting;
    turn.attach(waiting.element);
    this.page.follow(true);
    this.#showControls();
    const started = () => {
      waiting.close();
      this.#waiting = null;
    };
    try {
      message.facts = await ask({ model, messages: asked, stays: this.page.stays.checked }, running.signal, {
        note: (note) => note.stage && waiting.update(note),
        reasoning: (text) => (started(), turn.reason(text)),
        text: (text) => (started(), turn.write(text)),
      });
      announce(say("answer.done"));
    } catch (error) {
      if (error.name === "AbortError") message.stopped = true;
      else message.error = errorFacts(error, model);
    }
    started();
    this.#running = null;
    if (next) return this.#again(message, next);
    message.isDone = true;
    turn.finish();
    this.#save();
    this.#showControls();
    return undefined;
  }

  #draw() {
    const { conversation } = this.page;
    const actions = {
      onEdit: (message) => this.#edit(message),
      onRegenerate: (message) => this.#again(message),
      onRetry: (message) => this.#again(message),
      onOther: (message, model) => this.#again(message, model),
      onNew: () => this.reset(),
      onPick: () => this.page.pick(),
      onShow: () => this.page.follow(),
    };
    const turns = this.#messages.map((message) => (message.role === "user" ? { element: userTurn(message, actions) } : new AnswerTurn(message, actions)));
    this.#lastTurn = turns.at(-1);
    conversation.replaceChildren(...turns.map(({ element }) => element));
    document.body.classList.toggle("talking", turns.length > 0);
    this.#save();
    this.#showControls();
  }

  #lastTurn = null;

  #showControls() {
    const { send, stop, prompt } = this.page;
    const hadFocus = document.activeElement === send || document.activeElement === stop;
    send.hidden = this.isRunning;
    stop.hidden = !this.isRunning;
    send.disabled = !prompt.value.trim();
    if (hadFocus) prompt.focus();
  }

  // The page keeps one conversation until its tab is closed.
  #save() {
    const finished = this.#messages.filter((message) => message.role === "user" || message.isDone);
    try {
      sessionStorage.setItem(STAYS, String(this.page.stays.checked));
      sessionStorage.setItem(KEY, JSON.stringify(finished));
    } catch {
      sessionStorage.removeItem(KEY); // too long to keep: better none than half of it
    }
  }

  #restore() {
    this.page.stays.checked = sessionStorage.getItem(STAYS) === "true";
    try {
      this.#messages = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    } catch {
      this.#messages = [];
    }
    if (this.#messages.length) {
      this.#draw();
      this.page.follow(true);
    }
  }
}
