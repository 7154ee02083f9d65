// Asks for downloads, calls them off, and hands over files that were chosen or dropped on the page.

import { call, problemFrom } from "./api.js";
import { announce, make } from "./dom.js";
import { sentence } from "./problems.js";
import { number, say } from "./words.js";

const byId = (id) => document.getElementById(id);

/** Answer the buttons of the downloads, the form below them, and files that are dropped anywhere. `onProblem` tells. */
export function listenToDownloads(onProblem) {
  const get = (name) => call("/manage/pulls", { method: "POST", body: { name } });
  const actions = {
    get: ({ name }) => get(name),
    again: ({ name }) => get(name),
    stop: ({ pull }) => call(`/manage/pulls/${encodeURIComponent(pull)}`, { method: "DELETE" }),
  };
  byId("downloads").addEventListener("click", async (event) => {
    const button = event.target.closest("[data-action]");
    if (!button) return;
    button.disabled = true;
    try {
      await actions[button.dataset.action](button.closest("[data-name]").dataset);
    } catch (problem) {
      onProblem(sentence(problem));
    } finally {
      button.disabled = false;
    }
  });
  listenToForm(get);
  byId("file-input").addEventListener("change", ({ target }) => {
    take([...target.files]);
    target.value = "";
  });
  listenToDrops();
}

function listenToForm(get) {
  const form = byId("pull-form");
  const result = form.querySelector(".result");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = form.elements.name.value.trim();
    try {
      await get(name);
      form.reset();
      result.textContent = say("pull.started", { name });
    } catch (problem) {
      result.replaceChildren(say("pull.refused", { name }), " ", make("span", { lang: "en" }, sentence(problem)));
    }
    result.hidden = false;
  });
}

function listenToDrops() {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // otherwise the browser opens the file in place of the page
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    byId("get-model").open = true;
    take([...event.dataTransfer.files]);
  });
}

/** Hand the files over one after the other: they go to one disk. */
async function take(files) {
  for (const file of files) await hand(file);
}

async function hand(file) {
  const state = make("span", { class: "state" });
  const bar = make("progress", { class: "more", max: 100, "aria-label": say("upload.label", { name: file.name }) });
  const stop = make("button", { type: "button", class: "quiet" }, say("cancel"));
  const row = make("li", { class: "model is-loading" }, make("span", { class: "dot", "aria-hidden": "true" }), make("span", { class: "name" }, file.name), make("span", { class: "more" }, state, " ", stop), bar);
  byId("uploads").append(row);
  const request = new XMLHttpRequest(); // fetch does not tell how far a body is
  stop.addEventListener("click", () => request.abort());
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = total ? (100 * loaded) / total : 0;
    state.textContent = say("upload.percent", { percent: number(bar.value) });
  });
  const problem = await sent(request, file);
  if (problem === null) {
    row.remove();
    announce(say("upload.done", { name: file.name }));
  } else {
    state.remove();
    refuse(row, bar, stop, problem);
  }
}

function sent(request, file) {
  return new Promise((resolve) => {
    request.addEventListener("load", () => resolve(request.status < 400 ? null : sentence(problemFrom(parsed(request), request.status))));
    request.addEventListener("error", () => resolve(say("error.unreachable")));
    request.addEventListener("abort", () => resolve(say("upload.stopped")));
    request.open("POST", `/manage/import?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.send(file);
  });
}

function parsed(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return null;
  }
}

function refuse(row, bar, stop, text) {
  row.className = "model is-failed";
  bar.remove();
  stop.replaceWith(make("button", { type: "button", class: "quiet", on: { click: () => row.remove() } }, say("upload.close")));
  row.append(make("span", { class: "more error", role: "alert" }, text));
}
