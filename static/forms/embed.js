// On a site that shows a form in a frame: fits the frame's height to the form, and tells the site when it was sent:
// document.addEventListener("triggerfish:sent", (event) => event.target /* the iframe */ ...)
(() => {
  "use strict";
  const script = document.currentScript;
  const origin = new URL(script ? script.src : document.baseURI).origin;
  if (window.triggerfishForms === origin) return; // one listener, however many forms the page has
  window.triggerfishForms = origin;
  window.addEventListener("message", (event) => {
    if (event.origin !== origin || !event.data || event.data.source !== "triggerfish-form") return;
    const frame = [...document.querySelectorAll("iframe")].find((one) => one.contentWindow === event.source);
    if (!frame) return;
    const height = Number(event.data.height);
    if (height > 0 && height < 20000) frame.style.height = `${Math.ceil(height)}px`;
    if (event.data.sent === true) frame.dispatchEvent(new CustomEvent("triggerfish:sent", { bubbles: true }));
  });
})();
