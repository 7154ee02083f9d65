// Turns a model's Markdown into elements that can do nothing: what a model writes is hostile input.

import { Marked } from "../vendor/marked.esm.js";
import "../vendor/purify.min.js";
import { copy, icon, make } from "./dom.js";
import { say } from "./words.js";

const marked = new Marked({
  gfm: true,
  tokenizer: {
    del: (source) => (source.startsWith("~~") ? false : undefined), // two strokes strike out; `a~b~c` stays as it is
  },
  renderer: {
    heading({ tokens, depth }) {
      const level = Math.min(6, depth + 1); // the page has its own first heading
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`;
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

const ALLOWED = {
  ALLOWED_TAGS: (
    "p br hr h1 h2 h3 h4 h5 h6 strong b em i del s sub sup mark kbd blockquote ul ol li dl dt dd " +
    "pre code table thead tbody tr th td caption a img details summary"
  ).split(" "),
  ALLOWED_ATTR: ["href", "title", "alt", "src", "start", "align", "class", "colspan", "rowspan"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  RETURN_DOM_FRAGMENT: true,
};
const IMAGE_DATA = /^data:image\/(?:png|jpeg|gif|webp);base64,/i;
const LANGUAGE = /^language-[\w+#.-]{1,40}$/;

const purify = globalThis.DOMPurify(window);
purify.addHook("afterSanitizeAttributes", (node) => {
  const name = node.nodeName;
  if (node.hasAttribute("class") && !(name === "CODE" && LANGUAGE.test(node.className))) node.removeAttribute("class");
  if (name === "A") {
    node.setAttribute("rel", "noopener noreferrer");
    node.setAttribute("target", "_blank");
  }
  if (name === "IMG" && !IMAGE_DATA.test(node.getAttribute("src") ?? "")) node.replaceWith(linkInsteadOf(node));
});
const purifyCode = globalThis.DOMPurify(window);

// An image of another host would tell that host what was said here, so it is never fetched: it becomes a link.
function linkInsteadOf(image) {
  const address = image.getAttribute("src") ?? "";
  const name = image.getAttribute("alt") || say("image");
  const owner = image.ownerDocument;
  if (!/^https?:/i.test(address)) return owner.createTextNode(name);
  const link = owner.createElement("a");
  link.href = address;
  link.rel = "noopener noreferrer";
  link.target = "_blank";
  link.textContent = say("image.link", { name });
  return link;
}

/** Return a fragment for a piece of Markdown. `isFinal`: it will not change, so code may be coloured. */
export function render(text, { isFinal = true } = {}) {
  const fragment = purify.sanitize(marked.parse(text), ALLOWED);
  for (const table of fragment.querySelectorAll("table")) {
    const frame = make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": say("table") });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const code of fragment.querySelectorAll("pre > code")) {
    const language = code.className.replace("language-", "");
    code.parentElement.replaceWith(codeBlock(code.textContent, language, { isFinal }));
  }
  return fragment;
}

/** Return a code block with its language, a copy button and, once it is final, colours. */
export function codeBlock(text, language, { isFinal }) {
  const code = make("code", {}, text);
  const button = make("button", { type: "button", class: "quiet" }, icon("copy"), say("copy"));
  button.addEventListener("click", () => copy(code.textContent, button, say("copied")));
  const block = make(
    "figure",
    { class: "code" },
    make("figcaption", {}, make("span", {}, language || say("code")), button),
    make("pre", { tabindex: "0" }, code),
  );
  if (isFinal && language && text.length < 100_000) colour(code, language);
  return block;
}

let highlighter;

async function colour(code, language) {
  highlighter ??= import("../vendor/highlight.min.js").then((module) => module.default);
  const library = await highlighter;
  if (!library.getLanguage(language)) return;
  const { value } = library.highlight(code.textContent, { language, ignoreIllegals: true });
  const safe = { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], ALLOW_DATA_ATTR: false, RETURN_DOM_FRAGMENT: true };
  code.replaceChildren(purifyCode.sanitize(value, safe));
}
