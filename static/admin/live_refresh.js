// Keeps lists and pages of runs and events fresh: when news arrives, the page is fetched again and its regions are
// replaced, at most once a second. `live-toasts.js` says that there is news.
(() => {
  "use strict";
  const PAUSE = 1000;
  let due = false;
  let busy = false;

  const wanted = (notice) => {
    const page = document.querySelector("[data-live]");
    if (!page) return Boolean(document.querySelector("#result_list, #changelist-form"));
    const id = page.dataset.liveId;
    return notice.type === "gap" || notice.execution_id === id || notice.event_id === id;
  };

  // Nobody loses a selection, an open box or their place while they are at work in the list.
  const inUse = () => document.querySelector(".action-select:checked, #result_list input:focus") !== null;

  function replace(fresh) {
    for (const region of document.querySelectorAll("[data-live-region]")) {
      const twin = fresh.querySelector(`[data-live-region="${region.dataset.liveRegion}"]`);
      if (!twin || twin.innerHTML === region.innerHTML) continue;
      const open = [...region.querySelectorAll("details")].map((box) => box.open);
      region.replaceChildren(...twin.childNodes);
      region.querySelectorAll("details").forEach((box, index) => { box.open = open[index] ?? box.open; });
    }
    const list = document.querySelector("#result_list");
    const twin = fresh.querySelector("#result_list");
    if (list && twin) {
      if (list.innerHTML !== twin.innerHTML) list.replaceChildren(...twin.childNodes);
    } else if (!list && twin) {
      const form = document.querySelector("#changelist-form"); // the first row of an empty list brings the whole table
      form?.replaceChildren(...fresh.querySelector("#changelist-form").childNodes);
    }
  }

  async function refresh() {
    if (busy || !due || document.hidden || inUse()) return;
    busy = true;
    due = false;
    try {
      const answer = await fetch(location.href, {headers: {"X-Requested-With": "live"}, redirect: "error"});
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      due = true; // the server is away; the next round tries again
    } finally {
      setTimeout(() => { busy = false; refresh(); }, PAUSE);
    }
  }

  document.addEventListener("triggerfish:news", (event) => {
    if (event.detail.some(wanted)) {
      due = true;
      refresh();
    }
  });
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, PAUSE);
})();
