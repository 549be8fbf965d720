// A form made of a flat JSON Schema: one input for each property.
//
//   Triggerfish.params({schema, value, change, choices, variables, marks, path}) -> element
//
// `choices`: suggestions by `x-widget` or property name. `variables`: groups of {value, label} that a picker inserts;
// where there are any, every input takes text, since a variable may stand in for any value.
(() => {
  "use strict";
  const {el, button, select, suggest} = window.Triggerfish;

  const isNumber = (text) => text.trim() !== "" && Number.isFinite(Number(text));
  const types = (schema) => [].concat(schema.type || []);

  // --- one input per kind of property; each is called with (schema, value, change, options) ---------------------------
  function text(schema, value, change, {label}) {
    const box = el("input", {class: "tf-input", type: "text", value: value ?? "", "aria-label": label, placeholder: schema.default ?? "", on: {input: () => change(box.value === "" ? undefined : box.value)}});
    return box;
  }

  function long(schema, value, change, {label}) {
    const box = el("textarea", {class: "tf-input", rows: 3, value: value ?? "", "aria-label": label, on: {input: () => change(box.value === "" ? undefined : box.value)}});
    return box;
  }

  function number(schema, value, change, {label, variables}) {
    const box = el("input", {
      class: "tf-input", type: variables.length ? "text" : "number", step: "any", inputmode: "decimal", value: value ?? "", "aria-label": label, placeholder: schema.default ?? "",
      on: {input: () => change(box.value === "" ? undefined : isNumber(box.value) ? Number(box.value) : box.value)},
    });
    return box;
  }

  function yesno(schema, value, change, {label}) {
    const box = el("input", {class: "tf-check", type: "checkbox", checked: Boolean(value ?? schema.default), "aria-label": label, on: {change: () => { change(box.checked); warn(); }}});
    const warn = () => schema["x-danger"] && box.closest(".tf-param")?.classList.toggle("tf-danger-on", box.checked);
    queueMicrotask(warn); // when it stands on the page
    return box;
  }

  function choice(schema, value, change, {label}) {
    const offered = schema.enum.map((one) => ({value: one, label: schema["x-labels"]?.[one] || String(one)}));
    const optional = schema.default === undefined ? [{value: "", label: "Choose…"}, ...offered] : offered;
    return select(optional, value ?? schema.default ?? "", (chosen) => change(chosen === "" ? undefined : chosen), {"aria-label": label});
  }

  function named(schema, value, change, {label, offered}) {
    return suggest(value, offered, (chosen) => change(chosen === "" ? undefined : chosen), {"aria-label": label, placeholder: schema.default ?? ""});
  }

  // One of the rows that are offered, by its name; what is stored and gone meanwhile stays chosen.
  function picked(schema, value, change, {label, offered}) {
    const known = (offered || []).some((one) => one.value === value);
    const gone = value && !known ? [{value, label: `${value} (not there)`}] : [];
    return select([{value: "", label: "Choose…"}, ...gone, ...(offered || [])], value ?? "", (chosen) => change(chosen || undefined), {"aria-label": label});
  }

  // Suggestions that know their groups: a select, and a free text for all that is not on it.
  function grouped(schema, value, change, {label, offered}) {
    const box = el("div", {class: "tf-grouped"});
    const names = new Set(offered.map((one) => one.value));
    const groups = [...new Set(offered.map((one) => one.group))].map((group) => ({label: group, options: offered.filter((one) => one.group === group).map((one) => ({value: one.value, label: `${one.label} (${one.value})`}))}));
    const free = el("input", {class: "tf-input", type: "text", "aria-label": `${label}: another name`, placeholder: "policy.* or a name of your own", on: {input: () => change(free.value.trim() || undefined)}});
    const list = select([{value: "", label: "Choose…"}, ...groups, {value: "*", label: "Another name, or a wildcard…"}], value && !names.has(value) ? "*" : value || "", (chosen) => {
      free.hidden = chosen !== "*";
      change(chosen === "*" ? free.value.trim() || undefined : chosen || undefined);
      if (!free.hidden) free.focus();
    }, {"aria-label": label});
    free.hidden = list.value !== "*";
    if (!free.hidden) free.value = value;
    box.append(list, free);
    return box;
  }

  function texts(schema, value, change, {label}) {
    const box = el("textarea", {
      class: "tf-input", rows: 2, value: (value || schema.default || []).join("\n"), placeholder: "One per line", "aria-label": label,
      on: {input: () => change(box.value.split("\n").map((line) => line.trim()).filter(Boolean))},
    });
    return box;
  }

  // Some of a few names, each a box to tick.
  function several(schema, value, change, {label}) {
    const chosen = new Set(value || schema.default || []);
    const box = el("div", {class: "tf-several", role: "group", "aria-label": label});
    for (const one of schema.items.enum) {
      const tick = el("input", {class: "tf-check", type: "checkbox", checked: chosen.has(one), on: {change: () => {
        if (tick.checked) chosen.add(one); else chosen.delete(one);
        change(schema.items.enum.filter((name) => chosen.has(name)));
      }}});
      box.append(el("label", {}, tick, one));
    }
    return box;
  }

  // An object whose properties are known: a form within the form.
  function nested(schema, value, change, {choices, marks, path}) {
    const form = params({schema, value: value || {}, change: (fresh) => change(Object.keys(fresh).length ? fresh : undefined), choices, marks, path: `${path}.`});
    form.classList.add("tf-within");
    return form;
  }

  function pairs(schema, value, change, {label}) {
    const rows = Object.entries(value || {});
    const box = el("div", {class: "tf-nested"});
    const told = () => change(rows.length ? Object.fromEntries(rows.filter(([name]) => name.trim())) : undefined);
    const plain = types(schema.additionalProperties || {}).join() === "string";
    const cell = (row) => {
      if (!plain) return window.Triggerfish.value({value: row[1], label: row[0] || label, change: (fresh) => { row[1] = fresh; told(); }});
      const input = el("input", {class: "tf-input", type: "text", value: row[1] ?? "", "aria-label": `Value of ${row[0] || label}`, on: {input: () => { row[1] = input.value; told(); }}});
      return input;
    };
    const draw = () => {
      box.replaceChildren(
        ...rows.map((row, index) => {
          const name = el("input", {class: "tf-input tf-narrow", type: "text", value: row[0], placeholder: "Name", "aria-label": `${label}: name ${index + 1}`, on: {input: () => { row[0] = name.value; told(); }}});
          return el("div", {class: "tf-nested-row"}, name, cell(row), button(`Remove ${row[0] || "row"}`, "close", () => { rows.splice(index, 1); told(); draw(); }, {quiet: true}));
        }),
        button("Add", "add", () => { rows.push(["", ""]); draw(); box.querySelector(".tf-nested-row:last-of-type input").focus(); }),
      );
    };
    draw();
    return box;
  }

  function anything(schema, value, change, {label}) {
    const box = el("div", {class: "tf-nested"});
    const draw = (given) => {
      if (given === undefined) {
        box.replaceChildren(button(`Add ${label.toLowerCase()}`, "add", () => { change({}); draw({}); }));
      } else {
        box.replaceChildren(
          window.Triggerfish.value({value: given, label, change}),
          button(`Remove ${label.toLowerCase()}`, "close", () => { change(undefined); draw(undefined); }));
      }
    };
    draw(value);
    return box;
  }

  function inputFor(schema, options) {
    const widget = schema["x-widget"];
    if (widget === "pick" || widget === "pick_webhook") return picked;
    if (options.offered) return options.offered.some((one) => one.group) ? grouped : named;
    if (schema.enum) return choice;
    if (widget === "textarea" || (schema.maxLength || 0) > 20000) return long;
    if (types(schema).includes("boolean")) return yesno;
    if (types(schema).includes("integer") || types(schema).includes("number")) return number;
    if (types(schema).includes("array") && schema.items?.enum) return several;
    if (types(schema).includes("array") && types(schema.items || {}).join() === "string") return texts;
    if (types(schema).includes("object") && schema.properties) return nested;
    if (widget === "pairs" || (types(schema).includes("object") && widget !== "json")) return pairs;
    if (widget === "json" || types(schema).includes("array") || !schema.type) return anything;
    return text;
  }

  // --- the picker of variables -----------------------------------------------------------------------------------------
  function picker(holder, variables) {
    let last = null;
    holder.addEventListener("focusin", (event) => {
      if (event.target.matches("input[type=text], textarea") && !event.target.closest(".tf-picker")) last = event.target;
    });
    const insert = (name) => {
      const target = last && holder.contains(last) ? last : holder.querySelector(".tf-param-body input[type=text], .tf-param-body textarea");
      if (!target) return;
      const from = target.selectionStart ?? target.value.length;
      target.setRangeText(name, from, target.selectionEnd ?? from, "end");
      target.dispatchEvent(new Event("input", {bubbles: true}));
      target.focus();
    };
    const open = button("Variable", "alternate_email", () => (holder.querySelector(":scope > .tf-picker") ? close() : show()));
    const close = () => {
      holder.querySelector(":scope > .tf-picker")?.remove();
      document.removeEventListener("mousedown", outside);
    };
    const outside = (event) => { if (!holder.contains(event.target)) close(); };
    function show() {
      const list = el("div");
      const search = el("input", {class: "tf-input", type: "search", placeholder: "Find a variable", "aria-label": "Find a variable", on: {input: () => fill()}});
      const fill = () => {
        const wanted = search.value.toLowerCase();
        const groups = variables.map((group) => ({...group, options: group.options.filter((one) => `${one.value} ${one.label || ""}`.toLowerCase().includes(wanted))})).filter((group) => group.options.length);
        list.replaceChildren(...groups.flatMap((group) => [
          el("div", {class: "tf-picker-group"}, group.label),
          ...group.options.map((one) => el("button", {type: "button", on: {click: () => { close(); insert(one.value); }}}, el("code", {}, one.value), el("small", {}, one.label || ""))),
        ]));
        if (!groups.length) list.append(el("p", {class: "tf-note"}, "Nothing like that is known here."));
      };
      fill();
      const box = el("div", {class: "tf-picker", on: {keydown: (event) => {
        const all = [search, ...list.querySelectorAll("button")];
        const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
        if (event.key === "Escape") { close(); open.focus(); }
        if (event.key === "Enter" && event.target === search) list.querySelector("button")?.click();
        if (by) { event.preventDefault(); all[(all.indexOf(document.activeElement) + by + all.length) % all.length].focus(); }
      }}}, search, list);
      holder.append(box);
      document.addEventListener("mousedown", outside);
      search.focus();
    }
    return open;
  }

  // --- the whole form --------------------------------------------------------------------------------------------------
  function params({schema, value, change, choices = {}, variables = [], marks = () => {}, path = ""}) {
    const required = new Set(schema.required || []);
    const boxes = Object.entries(schema.properties || {}).map(([name, property]) => {
      const label = property.title || name;
      const offered = choices[property["x-widget"]] || choices[name];
      const told = (fresh) => {
        if (fresh === undefined) delete value[name];
        else value[name] = fresh;
        change(value);
      };
      const make = inputFor(property, {offered});
      const body = el("div", {class: "tf-param-body"}, make(property, value[name], told, {label, offered, variables, choices, marks, path: `${path}${name}`}));
      const head = el("div", {class: "tf-param-head"}, el("span", {}, label), required.has(name) ? el("span", {class: "tf-required", title: "required"}, "*") : null);
      const wide = [long, pairs, anything, texts, grouped, nested].includes(make);
      const box = el("div", {class: wide ? "tf-param tf-param-wide" : "tf-param"}, head, body, property.description ? el("p", {class: "tf-help"}, property.description) : null);
      if (variables.length && make !== yesno && make !== choice) head.append(picker(box, variables));
      marks(`${path}${name}`, box);
      return box;
    });
    return el("div", {class: "tf-step-body"}, ...(boxes.length ? boxes : [el("p", {class: "tf-note"}, "There is nothing to set.")]));
  }

  window.Triggerfish.params = params;
})();
