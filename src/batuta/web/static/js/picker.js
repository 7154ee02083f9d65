// Chooses the model: Auto, or one by name. The list is read from the models panel, which the server keeps current.

import { call, modelPath } from "./api.js";
import { make } from "./dom.js";
import { answersNow, rows } from "./rows.js";
import { say } from "./words.js";

const KEY = "batuta.model";
const AUTO = "auto";

export class Picker {
  #active = 0;
  #options = [];

  constructor() {
    this.model = localStorage.getItem(KEY) ?? AUTO;
    this.button = document.getElementById("picked");
    this.name = document.getElementById("picked-name");
    this.panel = document.getElementById("choices");
    this.search = document.getElementById("choice-search");
    this.list = document.getElementById("choice-list");
    this.button.addEventListener("click", () => (this.panel.hidden ? this.open() : this.close()));
    this.search.addEventListener("input", () => this.#draw(0));
    this.search.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // the search box keeps the focus
    this.list.addEventListener("click", (event) => this.#choose(event.target.closest("[role=option]")));
    document.addEventListener("pointerdown", (event) => {
      if (!document.getElementById("picker").contains(event.target)) this.close({ keepFocus: true });
    });
    this.#showName();
  }

  open() {
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.search.value = "";
    this.#draw(0);
    this.#move(Math.max(0, this.#options.findIndex((option) => option.dataset.id === this.model)));
    this.search.focus();
  }

  close({ keepFocus = false } = {}) {
    if (this.panel.hidden) return;
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (!keepFocus) this.button.focus();
  }

  /** The panel changed: show its new states. */
  refresh() {
    this.#showName();
    if (!this.panel.hidden) this.#draw(this.#active);
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#move((this.#active + step + this.#options.length) % this.#options.length);
    else if (event.key === "Enter") this.#choose(this.#options[this.#active]);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Tab") this.close({ keepFocus: true });
    if (step || event.key === "Enter" || event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  #draw(active) {
    const wanted = this.search.value.trim().toLowerCase();
    const auto = { model: AUTO, name: say("auto"), state: say("auto.explained"), status: "auto" };
    const found = [auto, ...rows()].filter((row) => [row.name, row.model, row.provider].join(" ").toLowerCase().includes(wanted));
    this.#options = found.map((row, index) => this.#option(row, index));
    this.list.replaceChildren(...this.#options);
    if (!found.length) this.list.append(make("li", { class: "none", role: "presentation" }, say("picker.none")));
    this.#move(Math.min(active, this.#options.length - 1));
  }

  #option(row, index) {
    const isChosen = row.model === this.model;
    const more = [row.state, row.status === "external" ? row.provider : row.hint].filter(Boolean).join(" · ");
    const option = make(
      "li",
      { role: "option", id: `choice-${index}`, class: `choice is-${row.status}`, "aria-selected": String(isChosen) },
      make("span", { class: "dot", "aria-hidden": "true" }),
      make("span", { class: "name" }, row.name),
      make("span", { class: "more" }, more),
    );
    option.dataset.id = row.model;
    return option;
  }

  #move(index) {
    if (index < 0) return;
    this.#options[this.#active]?.classList.remove("active");
    this.#active = index;
    const option = this.#options[index];
    option.classList.add("active");
    option.scrollIntoView({ block: "nearest" });
    this.search.setAttribute("aria-activedescendant", option.id);
  }

  #choose(option) {
    if (!option) return;
    this.model = option.dataset.id;
    localStorage.setItem(KEY, this.model);
    this.#showName();
    this.close();
    // Its load can begin while the message is being written. Only a hint: what comes of it is told when it is asked.
    if (this.model !== AUTO && !answersNow(this.model)) call(modelPath(this.model, "expect"), { method: "POST", body: {} }).catch(() => {});
  }

  // A chosen model that is gone from the list is still named: asking for it says what happened to it.
  #showName() {
    const row = rows().find(({ model }) => model === this.model);
    this.name.textContent = this.model === AUTO ? say("auto") : (row?.name ?? this.model);
  }
}
