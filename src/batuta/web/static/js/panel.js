// What a person does in the side panel and on the first page, and what the live stream tells about itself.

import { call, modelPath } from "./api.js";
import { copy, make } from "./dom.js";
import { say } from "./words.js";

const ACTIONS = {
  load: (id) => call(modelPath(id, "load"), { method: "POST", body: {} }),
  unload: (id) => call(modelPath(id, "unload"), { method: "POST", body: {} }),
  enable: (id) => call(modelPath(id), { method: "PATCH", body: { enabled: true } }),
  retry: async (id) => {
    await call("/manage/models/reset-failed", { method: "POST", body: { model: id } });
    await call(modelPath(id, "load"), { method: "POST", body: {} });
  },
};

/** Answer the buttons of the models panel. */
export function listenToModels() {
  document.getElementById("models").addEventListener("click", async (event) => {
    const button = event.target.closest("[data-action]");
    if (!button) return;
    const id = button.closest("[data-model]").dataset.model;
    button.disabled = true;
    try {
      await ACTIONS[button.dataset.action](id);
    } catch (problem) {
      note(problem.message);
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
  welcome.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const result = form.querySelector(".result");
    const { name, base_url } = Object.fromEntries(new FormData(form));
    const id = name.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "") || "server";
    try {
      const response = await call("/manage/providers", { method: "POST", body: { id, name, base_url, is_local: true } });
      const added = await response.json();
      result.textContent = say(added.is_online === false ? "provider.offline" : "provider.added", { name, why: added.message });
    } catch (problem) {
      result.textContent = problem.message;
    }
    result.hidden = false;
  });
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
function note(text) {
  const element = make("p", { class: "toast is-bad own", role: "alert" }, text);
  document.body.append(element);
  setTimeout(() => element.remove(), 8000);
}
