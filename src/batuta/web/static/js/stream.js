// Shows Markdown while it is being written, at a cost that grows with its length and not with its square.
//
// A finished block is rendered once and never touched again. Only the open block is rendered anew, at most once a
// frame, and less often when that takes long. An open code fence is plain text until it closes.

import { Blocks } from "./blocks.js";
import { codeBlock, render } from "./markdown.js";

const SHARE = 4; // the open block may take one part in this many of the time

export class MarkdownStream {
  #blocks = new Blocks();
  #text = "";
  #done;
  #live;
  #code = null;
  #frame = 0;
  #restUntil = 0;
  #onShow;

  /** Fill `container`; `onShow` is called after each change of what is visible. */
  constructor(container, onShow = () => {}) {
    this.#onShow = onShow;
    this.#done = document.createElement("div");
    this.#done.setAttribute("aria-live", "polite"); // finished blocks are read out, single words are not
    this.#live = document.createElement("div");
    this.#live.setAttribute("aria-live", "off");
    container.replaceChildren(this.#done, this.#live);
  }

  /** Add text as it arrives. */
  push(text) {
    this.#text += text;
    const finished = this.#blocks.push(text);
    if (finished.length) {
      this.#live.replaceChildren();
      this.#code = null;
      this.#restUntil = 0;
      for (const block of finished) this.#done.append(render(block));
    }
    this.#frame ||= requestAnimationFrame((now) => this.#showOpen(now));
  }

  /** The answer is complete: nothing stays open. */
  finish() {
    cancelAnimationFrame(this.#frame);
    this.#live.replaceChildren();
    if (this.#blocks.needsWhole) this.#done.replaceChildren(render(this.#text));
    else if (this.#blocks.open.trim()) this.#done.append(render(this.#blocks.open));
    this.#onShow();
  }

  get text() {
    return this.#text;
  }

  #showOpen(now) {
    this.#frame = 0;
    if (now < this.#restUntil) {
      this.#frame = requestAnimationFrame((later) => this.#showOpen(later));
      return;
    }
    const started = performance.now();
    const code = this.#blocks.openCode;
    if (code !== null) this.#showCode(code);
    else this.#live.replaceChildren(render(this.#blocks.open, { isFinal: false }));
    const spent = performance.now() - started;
    if (spent > 4) this.#restUntil = now + spent * SHARE;
    this.#onShow();
  }

  #showCode(text) {
    if (!this.#code) {
      const block = codeBlock("", this.#blocks.openLanguage, { isFinal: false });
      this.#live.replaceChildren(block);
      this.#code = block.querySelector("code");
    }
    this.#code.textContent = text;
  }
}
