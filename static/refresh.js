// Keeps the live part of a page equal to the database: asks the server for it again, at most once a second.

import { morphChildren } from "./morph.js";

const APART = 1000;
const SETTLE = 3000; // one more look after the last change: whatever raced with the previous one is seen then
const SLOWLY = 30000; // and now and then without news, for what only time changes

/** Answers a function that says "something may have changed". */
export function refresher(region) {
  let isDirty = false, isAsking = false, timer = null, settling = null, lastEnd = 0, failures = 0;

  function dirty() {
    isDirty = true;
    schedule();
  }

  function schedule() {
    if (isAsking || timer || document.hidden) return;
    const pause = APART * Math.min(2 ** failures, 16);
    timer = setTimeout(ask, Math.max(0, lastEnd + pause - performance.now()));
  }

  async function ask(isLast = false) {
    timer = null;
    clearTimeout(settling);
    isDirty = false;
    isAsking = true;
    try {
      await show(await read());
      failures = 0;
      if (isLast !== true) settling = setTimeout(() => !isAsking && !timer && ask(true), SETTLE);
    } catch {
      failures += 1;
      isDirty = true;
    }
    isAsking = false;
    lastEnd = performance.now();
    if (isDirty) schedule();
  }

  async function read() {
    const url = new URL(location.href);
    url.searchParams.set("fragment", "live");
    const answer = await fetch(url, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(15000) });
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.text();
  }

  function show(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return new Promise((done) => requestAnimationFrame(() => {
      morphChildren(region, template.content);
      done();
    }));
  }

  document.addEventListener("visibilitychange", () => isDirty && schedule());
  setInterval(() => document.hidden || dirty(), SLOWLY);
  return dirty;
}
