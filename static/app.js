// What every page does: follow the workspace, keep the live part true, show toasts, say whether all this works.

import { follow } from "./live.js";
import { refresher } from "./refresh.js";
import { inWords, toast } from "./toasts.js";

const STATES = { live: "Live", connecting: "Connecting …", offline: "Offline" };
const region = document.querySelector("[data-live]");
const pulse = document.getElementById("pulse");
const dirty = region ? refresher(region) : () => {};

function show(state) {
  pulse.hidden = false;
  if (pulse.dataset.state === state) return;
  pulse.dataset.state = state;
  pulse.querySelector("b").textContent = STATES[state];
  pulse.title = state === "live" ? "News arrive by themselves" : "What you see may be old; it is renewed as soon as the connection is back";
}

/** A model writes: what it has written so far, where its step stands on this page. */
function spoken({ execution_id, step }) {
  const place = document.querySelector(`[data-stream="${execution_id}:${step.number}"]`);
  if (place) place.textContent = step.text;
}

for (const select of document.querySelectorAll("[data-submit-on-change]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
show("connecting");
follow(document.body.dataset.livePath, {
  onState: show,
  onMissed: dirty,
  onNotice(notice) {
    if (notice.step?.text) return spoken(notice);
    dirty();
    const words = inWords(notice);
    if (words) toast(document.getElementById("toasts"), words);
  },
});
