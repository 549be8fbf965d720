// Live news in the admin: short messages in the corner, and a hint to `live_refresh.js` that the page may be old.

import { follow } from "../live.js";
import { inWords, toast } from "../toasts.js";

const box = document.createElement("div");
box.className = "toasts";
box.setAttribute("role", "status");
document.body.append(box);

const tell = (notices) => document.dispatchEvent(new CustomEvent("triggerfish:news", { detail: notices }));

follow(document.querySelector("meta[name=triggerfish-live]").content, {
  onNotice(notice) {
    tell([notice]);
    const said = inWords(notice);
    if (said) toast(box, said);
  },
  onMissed: () => tell([{ type: "gap" }]),
  onState: (state) => { document.documentElement.dataset.live = state; },
});
