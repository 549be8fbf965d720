// The ground of all editors in the admin: finds the boxes, reads their configuration, writes the hidden input.
//
//   Triggerfish.editor("rows", ({body, value, config, commit, marks}) => { ... });
//
// `commit(value)` stores the value as JSON. `marks(path, element)` shows the faults that the server found at a path
// below the element, and a `tf-bad` frame around it. Everything is built from elements and text nodes: no markup is parsed.
(() => {
  "use strict";
  const editors = {};
  const booted = new WeakSet();

  // el("button", {type: "button", class: "tf-button", on: {click: f}}, "Add", child, ...)
  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
      else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  const icon = (name) => el("span", {class: "material-symbols-outlined", "aria-hidden": "true"}, name);

  function button(label, symbol, act, {quiet = false, danger = false, disabled = false} = {}) {
    const look = quiet ? "tf-icon-button" : "tf-button";
    return el("button", {
      type: "button", class: look + (danger ? " tf-danger" : ""), disabled, title: quiet ? label : null, "aria-label": quiet ? label : null,
      on: {click: act},
    }, symbol ? icon(symbol) : null, quiet ? null : label);
  }

  function select(options, chosen, act, attributes = {}) {
    const box = el("select", {class: "tf-input", ...attributes});
    const known = options.some((option) => (option.options || [option]).some((one) => one.value === chosen));
    const list = known || chosen === undefined || chosen === null ? options : [...options, {value: chosen, label: String(chosen)}];
    for (const option of list) {
      if (option.options) {
        const group = el("optgroup", {label: option.label});
        group.append(...option.options.map((one) => el("option", {value: one.value}, one.label)));
        box.append(group);
      } else {
        box.append(el("option", {value: option.value}, option.label));
      }
    }
    box.value = chosen ?? "";
    box.addEventListener("change", () => act(box.value));
    return box;
  }

  let lists = 0;
  // A text input with suggestions; `options` are texts or {value, label}, or a function that gives them when asked.
  function suggest(value, options, act, attributes = {}) {
    const id = `tf-list-${(lists += 1)}`;
    const list = el("datalist", {id});
    const fill = () => {
      const current = typeof options === "function" ? options() : options;
      list.replaceChildren(...current.map((one) => (one.value === undefined ? el("option", {value: one}) : el("option", {value: one.value}, one.label))));
    };
    const input = el("input", {
      class: "tf-input", type: "text", value: value ?? "", list: id, autocomplete: "off", ...attributes,
      on: {focus: fill, input: () => act(input.value)},
    });
    fill();
    return el("span", {class: "tf-suggest"}, input, list);
  }

  const parts = (path) => path.replace(/\[(\d+)\]/g, ".$1").split(".").filter(Boolean);

  // Faults by place: `take` answers those at or below a path and remembers that they found their place.
  function problemsOf(config) {
    const found = (config.problems || []).map((problem) => ({...problem, parts: parts(problem.path || ""), shown: false}));
    return (path, element) => {
      const wanted = parts(path);
      const mine = found.filter((problem) => wanted.length && wanted.length <= problem.parts.length && wanted.every((part, i) => part === problem.parts[i]));
      const exact = mine.filter((problem) => problem.parts.length === wanted.length || !problem.shown);
      if (!mine.length) return;
      element.classList.add("tf-bad");
      for (const problem of exact.filter((one) => !one.shown && one.parts.length === wanted.length)) {
        problem.shown = true;
        const said = problem.message.startsWith(`${problem.path}: `) ? problem.message.slice(problem.path.length + 2) : problem.message;
        element.append(el("p", {class: "tf-problem", role: "alert"}, said));
      }
    };
  }

  // The list below the field repeats what stands at its place by now; what found no place stays in it.
  function untell(box, body, config) {
    const placed = [...body.querySelectorAll(".tf-problem")].map((one) => one.textContent);
    const lines = [...(box.parentElement?.parentElement || box).querySelectorAll("ul li")].filter((line) => !box.contains(line));
    for (const problem of (config.problems || []).filter((one) => one.path)) {
      const said = placed.findIndex((text) => problem.message.endsWith(text));
      const line = lines.findIndex((one) => one.textContent.trim().endsWith(problem.message));
      if (said < 0 || line < 0) continue;
      placed.splice(said, 1);
      lines.splice(line, 1)[0].remove();
    }
  }

  // Lists of rows all move, copy and go the same way.
  function move(list, from, to) {
    if (to < 0 || to >= list.length) return false;
    list.splice(to, 0, ...list.splice(from, 1));
    return true;
  }

  // Draws anew and puts the focus back where it was, for keyboards.
  function redrawn(box, draw) {
    const all = () => [...box.querySelectorAll("input, select, textarea, button")];
    const index = all().indexOf(document.activeElement);
    draw();
    if (index >= 0) all()[index]?.focus();
  }

  function boot(box) {
    if (booted.has(box) || !editors[box.dataset.editor]) return;
    booted.add(box);
    const input = box.querySelector("input[type=hidden]");
    const config = JSON.parse(box.querySelector("script[type='application/json']").textContent);
    let value = null;
    try { value = JSON.parse(input.value); } catch { value = null; }
    const commit = (fresh) => {
      input.value = JSON.stringify(fresh);
      input.dispatchEvent(new Event("change", {bubbles: true}));
    };
    const body = box.querySelector(".tf-editor-body");
    body.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); // Enter must not save a half-filled page
    });
    editors[box.dataset.editor]({box, body, value, config, commit, marks: problemsOf(config)});
    untell(box, body, config);
  }

  const bootAll = () => document.querySelectorAll(".tf-editor").forEach(boot);
  document.addEventListener("DOMContentLoaded", bootAll);

  window.Triggerfish = Object.assign(window.Triggerfish || {}, {
    editor(name, build) {
      editors[name] = build;
      if (document.readyState !== "loading") bootAll();
    },
    el, icon, button, select, suggest, move, redrawn,
  });
})();
