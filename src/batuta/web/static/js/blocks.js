// Splits growing Markdown into blocks that can no longer change. Pure: text in, blocks out.

const FENCE = /^([ \t]*)(`{3,}|~{3,})/;
const LIST = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const INDENTED = /^(?: {2,}|\t)/;
// A link defined elsewhere, or HTML that spans blank lines: such a text is only right when read as a whole.
const NEEDS_WHOLE = /^ {0,3}\[[^\]\n]+\]:\s|^ {0,3}<(?:details|table|div|blockquote)\b/im;

export class Blocks {
  #open = "";
  #line = "";
  #fence = null;
  #isList = false;
  #isAfterBlank = false;
  #needsWhole = false;

  /** Add text; return the blocks it finished. */
  push(text) {
    const done = [];
    this.#line += text;
    for (let cut; (cut = this.#line.indexOf("\n")) >= 0; ) {
      const line = this.#line.slice(0, cut + 1);
      this.#line = this.#line.slice(cut + 1);
      this.#take(line, done);
    }
    return done;
  }

  /** The block still being written. */
  get open() {
    return this.#open + this.#line;
  }

  /** The blocks are only right when rendered together, because one explains another. */
  get needsWhole() {
    return this.#needsWhole || NEEDS_WHOLE.test(this.open);
  }

  /** The code of a fence that is still open at the top level, or null. */
  get openCode() {
    if (!this.#fence?.isTop) return null;
    const start = this.#open.indexOf("\n") + 1;
    const rest = this.#line.trimStart();
    return this.#open.slice(start) + (rest && this.#fence.mark.startsWith(rest.trim()) ? "" : this.#line);
  }

  /** The language of the open fence. */
  get openLanguage() {
    return this.#fence?.language ?? "";
  }

  #take(line, done) {
    if (this.#fence) {
      this.#open += line;
      if (this.#closes(line)) {
        if (this.#fence.isTop) this.#finish(done);
        this.#fence = null;
      }
      return;
    }
    if (line.trim() === "") {
      this.#isAfterBlank = this.#open !== "";
      if (this.#open) this.#open += line;
      return;
    }
    if (this.#isAfterBlank && !this.#continues(line)) this.#finish(done);
    this.#isAfterBlank = false;
    const fence = FENCE.exec(line);
    const isInList = this.#isList && fence?.[1].length > 1;
    if (fence && !isInList) this.#finish(done);
    if (!this.#open) this.#isList = LIST.test(line);
    if (fence) {
      const language = line.trim().slice(fence[2].length).trim().split(/\s/)[0];
      this.#fence = { mark: fence[2], isTop: !isInList, language };
    }
    this.#open += line;
  }

  #closes(line) {
    const text = line.trim();
    return text.length >= this.#fence.mark.length && text === this.#fence.mark[0].repeat(text.length);
  }

  #continues(line) {
    return this.#isList && (INDENTED.test(line) || LIST.test(line));
  }

  #finish(done) {
    if (!this.#open) return;
    if (NEEDS_WHOLE.test(this.#open)) this.#needsWhole = true;
    done.push(this.#open);
    this.#open = "";
    this.#isList = false;
    this.#isAfterBlank = false;
  }
}
