// What a person does in the side panel and on the first page, and what the live stream tells about itself.

import { call, modelPath } from "./api.js";
import { copy, make } from "./dom.js";
import { sentence } from "./problems.js";
import { SERVER_ACTIONS, listenToForm } from "./servers.js";
import { say } from "./words.js";

const patch = (body) => (id) => call(modelPath(id), { method: "PATCH", body });

const ACTIONS = {
  load: (id) => call(modelPath(id, "load"), { method: "POST", body: {} }),
  unload: (id) => call(modelPath(id, "unload"), { method: "POST", body: {} }),
  enable: patch({ enabled: true }),
  pin: patch({ pinned: true }),
  unpin: patch({ pinned: false }),
  forget: (id) => call(modelPath(id), { method: "DELETE" }),
  retry: async (id) => {
    await call("/manage/models/reset-failed", { method: "POST", body: { model: id } });
    await call(modelPath(id, "load"), { method: "POST", body: {} });
  },
};

/** Answer the buttons of the models panel and of the list of servers. */
export function listenToPanel() {
  onButton("models", (button) => ACTIONS[button.dataset.action](button.closest("[data-model]").dataset.model));
  onButton("servers", (button) => SERVER_ACTIONS[button.dataset.action](button.closest("[data-server]").dataset));
  listenToForm(document.getElementById("server-form"));
}

function onButton(place, act) {
  document.getElementById(place).addEventListener("click", async (event) => {
    const button = event.target.closest("[data-action]");
    if (!button) return;
    button.disabled = true;
    try {
      await act(button);
    } catch (problem) {
      note(sentence(problem));
    } finally {
      button.disabled = false;
    }
  });
}

/** Answer the first page: copy buttons and the form that adds a server. */
export function listenToWelcome() {
  const welcome = document.getElementById("welcome");
  welcome.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button.dataset.copy, button, say("copied"));
  });
  listenToForm(welcome);
}

/** Show when the live stream is cut, and tell `onPicture` when a new picture is in place. */
export function listenToLive(onPicture) {
  const offline = document.getElementById("offline");
  const show = (isCut) => () => (offline.hidden = !isCut);
  document.body.addEventListener("htmx:sse:error", show(true));
  document.body.addEventListener("htmx:sse:after:connection", show(false));
  document.body.addEventListener("htmx:sse:after:message", onPicture);
}

/** Show a passing note of the page's own. */
export function note(text) {
  const element = make("p", { class: "toast is-bad own", role: "alert" }, text);
  document.body.append(element);
  setTimeout(() => element.remove(), 8000);
}
