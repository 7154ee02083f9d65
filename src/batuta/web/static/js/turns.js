// Draws the turns of a conversation. Knows nothing of requests.

import { copy, iconButton, make } from "./dom.js";
import { render } from "./markdown.js";
import { causeWords, problemBox } from "./problems.js";
import { nameOf } from "./rows.js";
import { MarkdownStream } from "./stream.js";
import { maybe, number, say, seconds } from "./words.js";

const CHOSEN = "named by the caller"; // no news to the person who chose it

/** What the user wrote, with a way to copy or edit it. */
export function userTurn(message, { onEdit }) {
  const copyButton = iconButton("copy", say("copy"), () => copy(message.text, copyButton, say("copied")));
  return make(
    "article",
    { class: "turn user", "aria-label": say("you") },
    make("div", { class: "bubble" }, message.text),
    make("p", { class: "tools" }, copyButton, iconButton("edit", say("edit"), () => onEdit(message))),
  );
}

/** One answer: reasoning, text, the line about who answered, and what can be done with it. */
export class AnswerTurn {
  #body = make("div", { class: "answer" });
  #foot = make("div", { class: "foot" });
  #reasoning = null;
  #stream = null;
  #thinkingSince = 0;

  constructor(message, { onRegenerate, onRetry, onOther, onNew, onPick, onShow }) {
    Object.assign(this, { message, onRegenerate, onRetry, onOther, onNew, onPick, onShow });
    this.element = make("article", { class: "turn reply", "aria-label": say("answer") }, this.#body, this.#foot);
    if (message.reasoning) this.#showReasoning(message.reasoning, message.thinking);
    if (message.text) this.#text().append(render(message.text));
    if (message.isDone) this.finish();
  }

  /** Put an element (the waiting line) below what is there. */
  attach(element) {
    this.#foot.before(element);
  }

  reason(text) {
    this.#thinkingSince ||= performance.now();
    this.message.reasoning = (this.message.reasoning ?? "") + text;
    if (!this.#reasoning) this.#showReasoning("");
    this.#reasoning.lastChild.append(text);
    this.onShow();
  }

  write(text) {
    if (!this.#stream) {
      this.#closeReasoning();
      this.element.setAttribute("aria-busy", "true");
      this.#stream = new MarkdownStream(this.#text(), this.onShow);
    }
    this.#stream.push(text);
    this.message.text = this.#stream.text;
  }

  /** Nothing more will come: show the line about it, or the error. */
  finish() {
    this.#closeReasoning();
    this.#stream?.finish();
    this.#stream = null;
    this.element.removeAttribute("aria-busy");
    const { error, stopped } = this.message;
    const parts = [];
    if (error) parts.push(this.#errorBox(error));
    if (stopped) parts.push(make("p", { class: "facts" }, say("stopped")));
    if (this.message.facts) parts.push(this.#factsLine(this.message.facts));
    parts.push(this.#tools());
    this.#foot.replaceChildren(...parts.flat());
    this.onShow();
  }

  #text() {
    const element = make("div", { class: "text" });
    this.#body.append(element);
    return element;
  }

  #showReasoning(text, thinking) {
    const summary = make("summary", {}, thinking ? say("thought", { time: seconds(thinking) }) : say("thinking"));
    this.#reasoning = make("details", { class: "reasoning" }, summary, make("div", {}, text));
    this.#body.append(this.#reasoning);
  }

  #closeReasoning() {
    if (!this.#thinkingSince) return;
    this.message.thinking = (performance.now() - this.#thinkingSince) / 1000;
    this.#reasoning.firstChild.textContent = say("thought", { time: seconds(this.message.thinking) });
    this.#thinkingSince = 0;
  }

  #tools() {
    const { text, error } = this.message;
    const tools = make("p", { class: "tools" });
    if (text) {
      const copyButton = iconButton("copy", say("copy"), () => copy(text, copyButton, say("copied")));
      tools.append(copyButton);
    }
    if (!error) tools.append(iconButton("retry", say("regenerate"), () => this.onRegenerate(this.message)));
    return tools.childElementCount ? [tools] : [];
  }

  #errorBox(error) {
    return problemBox(error, {
      isPart: Boolean(this.message.text),
      onRetry: () => this.onRetry(this.message),
      onOther: (model) => this.onOther(this.message, model),
      onNew: this.onNew,
      onPick: this.onPick,
    });
  }

  #factsLine(facts) {
    const parts = [];
    if (facts.route && facts.route !== CHOSEN && !isOverflow(facts)) parts.push(maybe(`route.${facts.route}`) || facts.route);
    if (facts.ttft) parts.push(say("facts.ttft", { time: seconds(facts.ttft) }));
    if (facts.rate) parts.push(say("facts.rate", { n: number(facts.rate, facts.rate < 10 ? 1 : 0) }));
    if (facts.completion) parts.push(say("facts.tokens", { prompt: number(facts.prompt ?? 0), completion: number(facts.completion) }));
    if (facts.finish === "length") parts.push(say("facts.length"));
    const name = facts.model ? make("strong", {}, nameOf(facts.model)) : null;
    const line = make("p", { class: "facts" }, name, (name && parts.length ? " · " : "") + parts.join(" · "));
    return [line, ...fallbacks(facts).map((text) => make("p", { class: "facts fallback" }, text))];
  }
}

// The wait would have been too long: the line below says so, and the route's own words are the API's.
function isOverflow({ fallback }) {
  return String(fallback ?? "").includes(", long_wait");
}

// Who was tried first and why it did not answer: `model, cause`, one or several.
function fallbacks({ fallback, model }) {
  const tried = typeof fallback === "string" ? fallback.split(";") : (fallback ?? []);
  return tried.map((entry) => entry.trim()).filter(Boolean).map((entry) => {
    const cut = entry.lastIndexOf(",");
    const id = cut < 0 ? entry : entry.slice(0, cut);
    const word = cut < 0 ? "" : entry.slice(cut + 1).trim();
    const names = { from: nameOf(id), model: nameOf(model) };
    const cause = causeWords(word, id);
    return cause ? say("fallback.cause", { ...names, cause }) : say("fallback", names);
  });
}
