// Has Batuta look around when a person comes to the page: a program may have been started or ended meanwhile.

import { call } from "./api.js";

const REST_MS = 2000; // coming back makes several events

/** Ask for a new look now and at each return. What it finds comes with the live stream. */
export function listenToReturning() {
  let lookedAt = -Infinity;
  const look = () => {
    if (document.visibilityState !== "visible" || performance.now() - lookedAt < REST_MS) return;
    lookedAt = performance.now();
    call("/manage/models?refresh=1").catch(() => {}); // without Batuta the page says so by itself
  };
  document.addEventListener("visibilitychange", look);
  window.addEventListener("focus", look);
  window.addEventListener("pageshow", look);
}
