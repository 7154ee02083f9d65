// Adds, tests, changes and deletes keys. A key is read from its field when the form is sent, and the field emptied.

import { call } from "./api.js";
import { make } from "./dom.js";
import { sentence } from "./problems.js";
import { number, say } from "./words.js";

const byId = (id) => document.getElementById(id);
const path = (key, action = "") => `/manage/keys/${encodeURIComponent(key)}${action}`;
const told = byId("told");

/** Put the present list in the place of the shown one. */
function renew() {
  window.htmx.trigger(byId("keys"), "renew");
}

function show(place, ...parts) {
  place.replaceChildren(...parts);
  place.hidden = false;
}

/** Say that something was refused, with the reason as the API gives it. */
function refused(place, key, values, problem) {
  show(place, say(key, values), " ", make("span", { lang: "en" }, sentence(problem)));
}

async function test(key, name, place) {
  show(place, say("keys.testing", { name }));
  try {
    const found = await (await call(path(key, "/test"), { method: "POST", body: {} })).json();
    const values = { name, models: found.models === null ? "?" : number(found.models), ms: number(found.latency_ms) };
    const parts = [say(`keys.${found.outcome}`, values)];
    if (found.message) parts.push(" ", make("span", { lang: "en", class: "small" }, found.message));
    show(place, ...parts);
  } catch (problem) {
    refused(place, "keys.untested", { name }, problem);
  }
  renew();
}

const patch = (body) => ({ key }) => call(path(key), { method: "PATCH", body });

const ACTIONS = {
  test: ({ key, name }) => test(key, name, told),
  on: patch({ enabled: true }),
  off: patch({ enabled: false }),
  change: openChange,
  remove: async ({ key, name }) => {
    if (!window.confirm(say("keys.remove", { name }))) return;
    await call(path(key), { method: "DELETE" });
    if (byId("change-form").dataset.key === key) closeChange();
    show(told, say("keys.removed", { name }));
  },
};

byId("keys").addEventListener("click", async (event) => {
  const button = event.target.closest("[data-action]");
  if (!button) return;
  const row = button.closest("[data-key]").dataset;
  button.disabled = true;
  told.hidden = true;
  try {
    await ACTIONS[button.dataset.action](row);
  } catch (problem) {
    refused(told, "keys.refused", { name: row.name }, problem);
  } finally {
    button.disabled = false;
    renew();
  }
});

// --- adding ---------------------------------------------------------------------------------------------------------

const form = byId("key-form");

/** Ask for name and address where the provider is none of those that are known. */
function chooseProvider() {
  const isOther = form.elements.provider.value === "";
  for (const label of form.querySelectorAll(".other")) {
    label.hidden = !isOther;
    label.querySelector("input").required = isOther;
  }
  form.elements.provider.required = !isOther;
}

form.elements.provider.addEventListener("change", chooseProvider);
chooseProvider();

const amount = (text) => (text ? text.replace(",", ".") : null);
const slug = (name) => name.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^[-_]+|-+$/g, "").slice(0, 32) || "provider";

function limits(elements) {
  return { daily_limit: amount(elements.daily_limit.value.trim()), monthly_limit: amount(elements.monthly_limit.value.trim()) };
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { elements } = form;
  const result = form.querySelector(".result");
  const body = { provider: elements.provider.value, key: elements.key.value, label: elements.label.value.trim(), ...limits(elements) };
  if (!body.provider) Object.assign(body, { provider: slug(elements.name.value), name: elements.name.value.trim(), base_url: elements.base_url.value.trim() });
  const submit = form.querySelector("[type=submit]");
  submit.disabled = true;
  try {
    const added = await (await call("/manage/keys", { method: "POST", body })).json();
    form.reset();
    chooseProvider();
    renew();
    await test(added.id, [added.provider_name, added.label].filter(Boolean).join(" "), result);
    if (added.hint) result.append(" ", make("span", { lang: "en" }, added.hint));
  } catch (problem) {
    refused(result, "keys.notadded", {}, problem);
  } finally {
    body.key = "";
    elements.key.value = "";
    submit.disabled = false;
  }
});

// --- changing -------------------------------------------------------------------------------------------------------

const change = byId("change-form");

function openChange({ key, name, label, daily, monthly, position }) {
  change.reset();
  change.dataset.key = key;
  byId("changing").textContent = name;
  change.elements.label.value = label;
  change.elements.daily_limit.value = daily;
  change.elements.monthly_limit.value = monthly;
  change.elements.position.value = Number(position) + 1;
  change.querySelector(".result").hidden = true;
  byId("change").hidden = false;
  change.elements.label.focus();
}

function closeChange() {
  change.reset();
  delete change.dataset.key;
  byId("change").hidden = true;
}

byId("keep").addEventListener("click", closeChange);

change.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { elements } = change;
  const body = { label: elements.label.value.trim(), position: Number(elements.position.value) - 1, ...limits(elements) };
  if (elements.key.value) body.key = elements.key.value;
  try {
    await call(path(change.dataset.key), { method: "PATCH", body });
    closeChange();
    renew();
  } catch (problem) {
    refused(change.querySelector(".result"), "keys.unchanged", {}, problem);
  } finally {
    elements.key.value = "";
  }
});

// --- the seal -------------------------------------------------------------------------------------------------------

byId("rotate")?.addEventListener("click", async () => {
  const result = byId("sealed-anew");
  if (!window.confirm(say("keys.rotate"))) return;
  try {
    const found = await (await call("/manage/keys/rotate", { method: "POST", body: {} })).json();
    show(result, say("keys.rotated", { n: number(found.keys) }));
  } catch (problem) {
    refused(result, "keys.unrotated", {}, problem);
  }
});

byId("unseal-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { passphrase } = event.target.elements;
  try {
    await call("/manage/keys/unseal", { method: "POST", body: passphrase.value ? { passphrase: passphrase.value } : {} });
    location.reload();
  } catch (problem) {
    refused(event.target.querySelector(".result"), "keys.shut", {}, problem);
  } finally {
    passphrase.value = "";
  }
});

document.body.classList.add("started");
