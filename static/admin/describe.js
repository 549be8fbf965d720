// While a draft is being written the button says so, and a second press does nothing.
for (const form of document.querySelectorAll("form[data-describe]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.busy) {
      event.preventDefault();
      return;
    }
    form.dataset.busy = "1";
    form.setAttribute("aria-busy", "true");
    const button = event.submitter;
    if (button) {
      button.textContent = form.dataset.describe;
      button.classList.add("tf-busy");
    }
  });
}
// Back from the cache of the browser: it can be sent again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});
