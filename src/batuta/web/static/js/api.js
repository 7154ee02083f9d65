// Calls to Batuta. Every failure becomes a Problem: what happened, in words a person can act on.

import { say } from "./words.js";

/** An answer that is no answer. `code` and `suggestion` are as the API gives them. */
export class Problem extends Error {
  constructor({ message, code = "", cause = "", model = "", suggestion = "", details = null, status = 0 }) {
    super(message);
    Object.assign(this, { code, why: cause, model, suggestion, details, status });
  }
}

/** Make a Problem from an error body, whichever of the API's shapes it has. */
export function problemFrom(body, status = 0) {
  const error = body?.error ?? body ?? {};
  if (typeof error === "string") return new Problem({ message: error, status });
  const message = typeof error.message === "string" && error.message ? error.message : say("error.status", { status });
  return new Problem({ ...error, message, status });
}

/** Send a request; return the response, or throw a Problem. An abort stays an AbortError. */
export async function call(path, { method = "GET", body, signal, headers: more = {} } = {}) {
  const headers = { accept: "application/json", ...more };
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ message: say("error.unreachable"), code: "unreachable" });
  }
  if (response.ok) return response;
  throw problemFrom(await response.json().catch(() => null), response.status);
}

/** Address of a model's management route; ids may contain slashes. */
export function modelPath(id, action = "") {
  const path = `/manage/models/${id.split("/").map(encodeURIComponent).join("/")}`;
  return action ? `${path}/${action}` : path;
}
