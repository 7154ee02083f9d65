// Adds, tests, changes and deletes keys. A key is read from its field when the form is sent, and the field emptied.

import { call } from "./api.js";
import { make } from "./dom.js";
import { sentence } from "./problems.js";
import { maybe, number, say } from "./words.js";

const byId = (id) => document.getElementById(id);
const path = (key, action = "") => `/manage/keys/${encodeURIComponent(key)}${action}`;
const told = byId("told");
const OTHER = "+"; // of the list of providers: one that is not in it
const TONES = { valid: "good", invalid: "bad", valid_no_credit: "bad", unreachable: "bad" };

/** Put the present list in the place of the shown one. */
function renew() {
  window.htmx.trigger(byId("keys"), "renew");
}

/** Show a note. `tone`: good, bad or nothing. */
function show(place, tone, ...parts) {
  place.className = place.className.replace(/ is-\w+/, "") + (tone && ` is-${tone}`);
  place.replaceChildren(...parts);
  place.hidden = false;
}

/** Say that something was refused, with the reason: in the visitor's words where there are some, else as the API gives it. */
function refused(place, key, values, problem) {
  const code = /\bis_local\b/.test(problem.message) ? "is_local" : problem.code;
  const ours = maybe(`${key}.${code}`) || maybe(`keys.why.${code}`);
  const reason = ours || make("span", { lang: "en" }, sentence(problem));
  show(place, "bad", say(key, values), " ", reason);
}

/** Do what a button or form is for, once at a time. The button keeps the focus, which `disabled` would take from it. */
async function once(button, act) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await act();
  } finally {
    button.ariaDisabled = null;
  }
}

/** Name the sentence for what a test has found. */
function outcome({ outcome: found, models }) {
  if (found !== "valid" || models > 1 || models === 0) return found;
  return models === 1 ? "valid.one" : "valid.unlisted";
}

/** Ask the provider, and say what it said. `hint`: what to add where the key is not proved good. */
async function test(key, name, place, hint = "") {
  show(place, "", say("keys.testing", { name }));
  try {
    const found = await (await call(path(key, "/test"), { method: "POST", body: {} })).json();
    const values = { name, models: number(found.models ?? 0), ms: number(found.latency_ms) };
    const isGood = found.outcome === "valid";
    const parts = [say(`keys.${outcome(found)}`, values)];
    for (const words of [found.message, isGood ? "" : hint]) {
      if (words) parts.push(make("span", { lang: "en", class: "small" }, words));
    }
    show(place, TONES[found.outcome] ?? "", ...parts);
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
  remove: async ({ key, name }, row) => {
    if (!window.confirm(say("keys.remove", { name }))) return;
    await call(path(key), { method: "DELETE" });
    if (byId("change-form").dataset.key === key) closeChange();
    (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("button")?.focus();
    if (row.contains(document.activeElement)) byId("list-title").focus();
    show(told, "", say("keys.removed", { name }));
  },
};

byId("keys").addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (!button) return;
  const row = button.closest("[data-key]");
  once(button, async () => {
    const values = { ...row.dataset }; // as they are now: the list is renewed meanwhile
    told.hidden = true;
    try {
      await ACTIONS[button.dataset.action](values, row);
    } catch (problem) {
      refused(told, "keys.refused", { name: values.name }, problem);
    }
    renew();
  });
});

// --- adding ---------------------------------------------------------------------------------------------------------

const form = byId("key-form");

/** Ask for name and address where the provider is none of those that are known. */
function chooseProvider() {
  const isOther = form.elements.provider.value === OTHER;
  byId("other").hidden = !isOther;
  form.elements.base_url.required = form.elements.name.required = isOther;
}

const amount = (text) => (text ? text.replace(",", ".") : null);
const slug = (name) => name.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^[-_]+|-+$/g, "").slice(0, 32) || "provider";

function limits(elements) {
  return { daily_limit: amount(elements.daily_limit.value.trim()), monthly_limit: amount(elements.monthly_limit.value.trim()) };
}

function written({ provider, key, label, name, base_url: address, is_local: isLocal, daily_limit, monthly_limit }) {
  const body = { provider: provider.value, key: key.value, label: label.value.trim(), ...limits({ daily_limit, monthly_limit }) };
  if (body.provider !== OTHER) return body;
  const title = name.value.trim();
  return { ...body, provider: slug(title), name: title, base_url: address.value.trim(), is_local: isLocal.checked };
}

async function add() {
  const { elements } = form;
  const result = form.querySelector(".result");
  const body = written(elements);
  try {
    const added = await (await call("/manage/keys", { method: "POST", body })).json();
    form.reset();
    form.querySelector("details").open = false;
    chooseProvider();
    renew();
    await test(added.id, [added.provider_name, added.label].filter(Boolean).join(" "), result, added.hint);
  } catch (problem) {
    elements.key.value = "";
    elements.key.focus();
    refused(result, "keys.notadded", {}, problem);
  } finally {
    body.key = "";
    elements.key.value = "";
  }
}

if (form) {
  form.elements.provider.addEventListener("change", chooseProvider);
  chooseProvider(); // a browser may have kept what was chosen before
  form.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), true);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    once(form.querySelector("[type=submit]"), add);
  });
}

// --- changing -------------------------------------------------------------------------------------------------------

const change = byId("change-form");

function openChange({ key, name, label, daily, monthly, position, alone }, row) {
  change.reset();
  change.dataset.key = key;
  change.dataset.from = row.querySelector("[data-action=change]").id;
  byId("changing").textContent = name;
  change.elements.label.value = label;
  change.elements.daily_limit.value = daily;
  change.elements.monthly_limit.value = monthly;
  change.elements.position.value = Number(position) + 1;
  byId("order").hidden = alone !== undefined;
  change.querySelector(".result").hidden = true;
  byId("change").hidden = false;
  change.elements.key.focus();
}

/** Close the form, and go back to the button that opened it. */
function closeChange() {
  const { from } = change.dataset;
  change.reset();
  delete change.dataset.key;
  byId("change").hidden = true;
  byId(from)?.focus();
}

byId("keep").addEventListener("click", closeChange);
change.addEventListener("keydown", (event) => event.key === "Escape" && closeChange());

async function save() {
  const { elements, dataset } = change;
  const body = { label: elements.label.value.trim(), ...limits(elements) };
  if (!byId("order").hidden) body.position = Number(elements.position.value) - 1;
  if (elements.key.value) body.key = elements.key.value;
  const name = byId("changing").textContent;
  try {
    await call(path(dataset.key), { method: "PATCH", body });
    const { key } = dataset;
    closeChange();
    if (body.key) await test(key, name, told);
    else show(told, "good", say("keys.changed", { name }));
    renew();
  } catch (problem) {
    refused(change.querySelector(".result"), "keys.unchanged", {}, problem);
  } finally {
    body.key = elements.key.value = "";
  }
}

change.addEventListener("submit", (event) => {
  event.preventDefault();
  once(change.querySelector("[type=submit]"), save);
});

// --- the seal -------------------------------------------------------------------------------------------------------

async function rotate() {
  const result = byId("sealed-anew");
  if (!window.confirm(say("keys.rotate"))) return;
  try {
    const found = await (await call("/manage/keys/rotate", { method: "POST", body: {} })).json();
    show(result, "good", say("keys.rotated", { n: number(found.keys) }));
  } catch (problem) {
    refused(result, "keys.unrotated", {}, problem);
  }
}

byId("rotate")?.addEventListener("click", (event) => once(event.currentTarget, rotate));

byId("unseal-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { passphrase } = event.target.elements;
  try {
    await call("/manage/keys/unseal", { method: "POST", body: passphrase?.value ? { passphrase: passphrase.value } : {} });
    location.reload();
  } catch (problem) {
    show(event.target.querySelector(".result"), "bad", say("keys.shut"), " ", make("span", { lang: "en" }, problem.message));
  } finally {
    if (passphrase) passphrase.value = "";
  }
});

document.body.classList.add("started");
