// Buttons that change something are POSTs. A link marked data-post is sent as one, with the page's CSRF token; without
// this script the same link opens a page that asks first.
(() => {
  "use strict";
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-post]");
    const token = document.querySelector("input[name=csrfmiddlewaretoken]");
    if (!link || !token) return;
    event.preventDefault();
    const form = document.createElement("form");
    form.method = "post";
    form.action = link.href;
    form.append(token.cloneNode());
    document.body.append(form);
    form.submit();
  });
})();
