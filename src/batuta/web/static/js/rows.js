// What the models panel says of each model. The server keeps the panel current; nothing else is asked.

/** The rows of the panel, gone models included only when they are asked for. */
export function rows({ withGone = false } = {}) {
  const all = [...document.querySelectorAll("#models [data-model]")].map(({ dataset }) => dataset);
  return withGone ? all : all.filter(({ status }) => status !== "missing");
}

/** The row of a model, or nothing. */
export function rowOf(id) {
  return rows({ withGone: true }).find(({ model }) => model === id);
}

/** What the panel calls a model; its id where the panel does not know it. */
export function nameOf(id) {
  return rowOf(id)?.name ?? id;
}

/** Whether a model can answer without being loaded first. */
export function answersNow(id) {
  return ["ready", "external"].includes(rowOf(id)?.status);
}
