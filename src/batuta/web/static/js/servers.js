// Adds, corrects and removes model servers. The form stands in the side panel, and on the first page.

import { call } from "./api.js";
import { make } from "./dom.js";
import { sentence } from "./problems.js";
import { say } from "./words.js";

const NEAR = /^(?:localhost|.*\.local(?:host)?|[^.:]+|127\.\d+\.\d+\.\d+|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|\[(?:::1|f[cd][0-9a-f:]+)\])$/i;

/** Send what a form of class `provider` holds: a new server, or the one that is being corrected. */
export function listenToForm(place) {
  place.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const result = form.querySelector(".result");
    const body = bodyOf(form);
    const changed = form.dataset.server;
    try {
      const server = await (await call("/manage/providers", { method: "POST", body })).json();
      const told = server.is_online === false ? "offline" : changed ? "changed" : "added";
      result.replaceChildren(say(`provider.${told}`, { name: body.name }));
      if (server.is_online !== false) clear(form);
      else if (form.id === "server-form") correcting(form, server.id ?? body.id); // the next try mends this one
    } catch (problem) {
      result.replaceChildren(say("provider.refused", { name: body.name }), " ", make("span", { lang: "en" }, sentence(problem)));
    }
    result.hidden = false;
  });
}

function bodyOf(form) {
  const { name, base_url, key_env } = Object.fromEntries(new FormData(form));
  const id = form.dataset.server || name.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^[-_]+|-+$/g, "").slice(0, 32) || "server";
  const body = { id, name, base_url, is_local: NEAR.test(new URL(base_url).hostname) };
  if (key_env) body.key_env = key_env;
  if (Number(form.dataset.most)) body.max_in_flight = Number(form.dataset.most);
  return body;
}

const switched = (enabled) => ({ server }) =>
  call(`/manage/providers/${encodeURIComponent(server)}`, { method: "PATCH", body: { enabled } });

/** What the buttons of the list do, each with the row's data. */
export const SERVER_ACTIONS = { change: changeServer, remove: removeServer, on: switched(true), off: switched(false) };

/** Open the form with what is known of a server. */
function changeServer({ server, name, address, key, most }) {
  const form = document.getElementById("server-form");
  form.elements.name.value = name;
  form.elements.base_url.value = address;
  form.elements.key_env.value = key ?? "";
  form.dataset.most = most ?? "";
  correcting(form, server);
  form.querySelector(".result").hidden = true;
  document.getElementById("add-server").open = true;
  form.elements.base_url.focus();
}

/** Remove a server, if that is really meant: what was set about its models goes with it. */
async function removeServer({ server, name }) {
  if (!window.confirm(say("provider.remove", { name }))) return;
  await call(`/manage/providers/${encodeURIComponent(server)}`, { method: "DELETE" });
  const form = document.getElementById("server-form");
  if (form.dataset.server === server) clear(form);
}

function correcting(form, server) {
  form.dataset.server = server;
  form.querySelector("[type=submit]").textContent = say("provider.save");
}

function clear(form) {
  if (form.id === "server-form") form.reset();
  delete form.dataset.server;
  delete form.dataset.most;
  form.querySelector("[type=submit]").textContent = say("provider.add");
}
