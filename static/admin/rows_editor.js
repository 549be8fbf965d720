// Rows of inputs: a list of records, or names with values (pairs). Config: see crm/admin/rows.py.
// Keys: Enter in a row adds the next one, Alt and an arrow move it where the order matters.
(() => {
  "use strict";
  const {editor, el, button, select, suggest, move, redrawn} = window.Triggerfish;

  const CELLS = {
    text: (value, column, change, label) => {
      const box = el("input", {class: "tf-input", type: "text", value: value ?? "", placeholder: column.placeholder, "aria-label": label, on: {input: () => change(box.value)}});
      return box;
    },
    textarea: (value, column, change, label) => {
      const box = el("textarea", {class: "tf-input", rows: 1, value: value ?? "", placeholder: column.placeholder, "aria-label": label, on: {input: () => change(box.value)}});
      return box;
    },
    number: (value, column, change, label) => {
      const box = el("input", {class: "tf-input", type: "number", step: "any", value: value ?? "", "aria-label": label, on: {input: () => change(box.value === "" ? null : Number(box.value))}});
      return box;
    },
    checkbox: (value, column, change, label) => {
      const box = el("input", {class: "tf-check", type: "checkbox", checked: Boolean(value), "aria-label": label, on: {change: () => change(box.checked)}});
      return box;
    },
    texts: (value, column, change, label) => {
      const box = el("textarea", {
        class: "tf-input", rows: 2, value: (value || []).join("\n"), placeholder: column.placeholder || "One per line", "aria-label": label,
        on: {input: () => change(box.value.split("\n").map((line) => line.trim()).filter(Boolean))},
      });
      return box;
    },
    suggest: (value, column, change, label) => suggest(value, column.options || [], change, {placeholder: column.placeholder, "aria-label": label}),
    value: (value, column, change, label) => window.Triggerfish.value({value, change, label}),
    select: (value, column, change, label, redraw) => select(column.options, value ?? column.options[0].value, (chosen) => { change(chosen); redraw(); }, {"aria-label": label}),
  };

  window.Triggerfish.cells = CELLS; // further kinds of cells come in files of their own

  const fresh = (columns) => Object.fromEntries(columns.map((column) => [column.name, column.start ?? {checkbox: false, texts: [], value: ""}[column.type] ?? ""]));

  // A column may be shown for some rows only: {"only": {"type": ["select"]}}.
  const applies = (column, row) => Object.entries(column.only || {}).every(([name, values]) => values.includes(row[name]));

  editor("rows", ({body, value, config, commit, marks}) => {
    const columns = config.columns;
    const rows = (Array.isArray(value) ? value : []).map((row) => (config.pairs ? {name: row[0], value: row[1]} : row));
    const told = () => commit(config.pairs ? rows.map((row) => [row.name, row.value]) : rows);
    let first = true;
    if (columns.length === 1) body.classList.add("tf-single");

    function cell(row, column, index) {
      const label = `${column.label}, row ${index + 1}`;
      const change = (fresh) => { row[column.name] = fresh; told(); };
      const box = el(["value", "mapping"].includes(column.type) ? "div" : "label", {class: `tf-cell tf-cell-${column.type}${column.narrow ? " tf-narrow" : ""}`}, el("span", {class: "tf-cell-label"}, column.label));
      box.append(CELLS[column.type](row[column.name], column, change, label, () => redrawn(body, draw)));
      if (first) marks(`[${index}].${column.name}`, box);
      return box;
    }

    function tools(index) {
      const shift = (by) => { if (move(rows, index, index + by)) { told(); draw(); focus(index + by); } };
      return el("span", {class: "tf-tools"},
        config.ordered ? button(`Move row ${index + 1} up`, "arrow_upward", () => shift(-1), {quiet: true, disabled: index === 0}) : null,
        config.ordered ? button(`Move row ${index + 1} down`, "arrow_downward", () => shift(1), {quiet: true, disabled: index === rows.length - 1}) : null,
        button(`Remove row ${index + 1}`, "delete", () => { rows.splice(index, 1); told(); draw(); focus(Math.min(index, rows.length - 1)); }, {quiet: true, danger: true}));
    }

    function add() {
      rows.push(fresh(columns));
      told();
      draw();
      focus(rows.length - 1);
    }

    const focus = (index) => (body.querySelectorAll(":scope > .tf-row")[index] || body).querySelector("input, select, textarea, button")?.focus();

    function keys(event, index) {
      if (event.key === "Enter" && event.target.matches("input")) add();
      const by = {ArrowUp: -1, ArrowDown: 1}[event.key];
      if (config.ordered && event.altKey && by && move(rows, index, index + by)) {
        event.preventDefault();
        told();
        draw();
        focus(index + by);
      }
    }

    function draw() {
      const drawn = rows.map((row, index) => {
        const box = el("div", {class: "tf-row", on: {keydown: (event) => keys(event, index)}});
        box.append(...columns.filter((column) => applies(column, row)).map((column) => cell(row, column, index)), tools(index));
        if (first) marks(`[${index}]`, box);
        return box;
      });
      const empty = rows.length ? null : el("p", {class: "tf-note"}, config.empty || "Nothing here yet.");
      body.replaceChildren(...drawn, ...(empty ? [empty] : []), button(config.add || "Add a row", "add", add));
      first = false;
    }

    draw();
  });
})();
