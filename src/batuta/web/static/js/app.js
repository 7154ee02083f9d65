// Starts the page: joins the parts and owns the keys that work everywhere.

import { call } from "./api.js";
import { Chat } from "./chat.js";
import { listenToDownloads } from "./downloads.js";
import { listenToLive, listenToPanel, listenToWelcome, note } from "./panel.js";
import { Picker } from "./picker.js";
import { listenToReturning } from "./returning.js";

const byId = (id) => document.getElementById(id);
const scroll = byId("scroll");
let isAtEnd = true;

scroll.addEventListener("scroll", () => {
  isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
});

/** Keep the end in sight, unless the reader has scrolled away from it. */
function follow(always = false) {
  if (always || isAtEnd) scroll.scrollTop = scroll.scrollHeight;
}

const picker = new Picker();
const chat = new Chat(
  {
    form: byId("composer"),
    prompt: byId("prompt"),
    send: byId("send"),
    stop: byId("stop"),
    editing: byId("editing"),
    stopEditing: byId("stop-editing"),
    stays: byId("stays"),
    conversation: byId("conversation"),
    follow,
    pick: () => picker.open(),
  },
  { pickModel: () => picker.model },
);

listenToPanel();
listenToWelcome();
listenToReturning();
listenToDownloads(note);
listenToLive(() => {
  picker.refresh();
  chat.refresh();
});

byId("new-chat").addEventListener("click", () => chat.reset());

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (document.body.classList.contains("sidebar-open")) showSidebar(false);
    else chat.stop();
  } else if (event.ctrlKey && event.shiftKey && event.code === "KeyO") {
    event.preventDefault();
    chat.reset();
  }
});

function showSidebar(isOpen) {
  document.body.classList.toggle("sidebar-open", isOpen);
  byId("veil").hidden = !isOpen;
  document.querySelector("main").inert = isOpen; // what is covered cannot be reached by keyboard either
  byId("open-sidebar").setAttribute("aria-expanded", String(isOpen));
  byId(isOpen ? "close-sidebar" : "open-sidebar").focus();
}

byId("open-sidebar").addEventListener("click", () => showSidebar(true));
byId("close-sidebar").addEventListener("click", () => showSidebar(false));
byId("veil").addEventListener("click", () => showSidebar(false));

byId("language").addEventListener("change", async (event) => {
  await call("/ui/language", { method: "POST", body: { language: event.target.value } });
  location.reload();
});

byId("theme").addEventListener("change", (event) => {
  const theme = event.target.value;
  document.cookie = `batuta_theme=${theme}; path=/; max-age=31536000; samesite=strict`;
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
});

document.body.classList.add("started");
