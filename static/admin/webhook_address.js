// The address of a webhook: shown and copied on request. Each look at it is a POST, which the audit trail keeps.
(() => {
  "use strict";

  async function fetched(button, url) {
    const token = document.querySelector("input[name=csrfmiddlewaretoken]");
    const answer = await fetch(url, {
      method: "POST", credentials: "same-origin", headers: {Accept: "application/json", "X-CSRFToken": token ? token.value : ""},
    });
    if (!answer.ok || !(answer.headers.get("Content-Type") || "").includes("json")) throw new Error("not shown");
    return (await answer.json()).address;
  }

  async function copy(text, place) {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
    const range = document.createRange(); // a page without TLS has no clipboard of its own
    range.selectNodeContents(place);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-show-address], [data-copy-address]");
    if (!button) return;
    const place = document.getElementById("webhook-address");
    const said = document.getElementById("webhook-address-said");
    const wantsCopy = "copyAddress" in button.dataset;
    try {
      if (!place.dataset.full) {
        place.dataset.full = await fetched(button, button.dataset.copyAddress || button.dataset.showAddress);
        place.textContent = place.dataset.full;
        document.querySelector("[data-show-address]")?.remove();
      }
      if (wantsCopy) said.textContent = (await copy(place.dataset.full, place)) ? "Copied." : "Select it and copy it.";
    } catch {
      said.textContent = place.dataset.full ? "Select it and copy it." : "It could not be shown. Reload the page.";
    }
  });
})();
