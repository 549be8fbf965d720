// Where an input comes from: a place in the event, words that a model reads it out by, or a fixed value.
// A cell of the rows editor. Column config: {options, placeholder, model}; see executions/admin/mapping_form.py.
(() => {
  "use strict";
  const {cells, el, select, suggest, redrawn} = window.Triggerfish;
  const WAYS = [
    {value: "path", label: "Stands in the event at"}, {value: "words", label: "A model reads it out"}, {value: "fixed", label: "Is always"},
  ];
  const KINDS = [
    {value: "string", label: "a text"}, {value: "number", label: "a number"}, {value: "integer", label: "a whole number"}, {value: "boolean", label: "yes or no"},
    {value: "date", label: "a day"}, {value: "list", label: "a list of texts"}, {value: "choice", label: "one of these"}, {value: "schema", label: "as a JSON Schema says"},
  ];
  const SCHEMAS = {date: {type: "string", format: "date"}, list: {type: "array", items: {type: "string"}}};
  const same = (one, other) => JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());

  const isWords = (value) => Boolean(value) && typeof value === "object" && !Array.isArray(value) && "extract" in value;
  const wayOf = (value) => (isWords(value) ? "words" : typeof value === "string" || value === null || value === undefined ? "path" : "fixed");
  const START = {path: () => "", words: () => ({extract: "", schema: {type: "string"}}), fixed: () => 0};

  // A schema as the form shows it: {kind, mayLack, choices}; what the form cannot say is shown as it is.
  function read(schema) {
    if (!schema || typeof schema !== "object" || Array.isArray(schema)) return {kind: "schema", mayLack: false, choices: []};
    const types = [schema.type].flat();
    const mayLack = types.includes("null");
    const [type] = types.filter((one) => one !== "null");
    const plain = {...schema, type};
    const known = [...Object.entries(SCHEMAS), ...["string", "number", "integer", "boolean"].map((name) => [name, {type: name}])];
    const found = types.length - (mayLack ? 1 : 0) === 1 && known.find(([, one]) => same(one, plain));
    if (found) return {kind: found[0], mayLack, choices: []};
    const choices = (Array.isArray(schema.enum) ? schema.enum : []).filter((one) => one !== null);
    if (choices.length && choices.every((one) => typeof one === "string") && same(write({kind: "choice", mayLack, choices}), schema)) return {kind: "choice", mayLack, choices};
    return {kind: "schema", mayLack, choices: []};
  }

  function write({kind, mayLack, choices}) {
    if (kind === "choice") return mayLack ? {type: ["string", "null"], enum: [...choices, null]} : {type: "string", enum: choices};
    const plain = SCHEMAS[kind] || {type: kind};
    return mayLack ? {...plain, type: [plain.type, "null"]} : {...plain};
  }

  const text = (value, change, attributes, rows = 1) => {
    const box = el("textarea", {class: "tf-input", rows, value: value ?? "", ...attributes, on: {input: () => change(box.value)}});
    return box;
  };
  const lines = (value) => value.split("\n").map((line) => line.trim()).filter(Boolean);

  function words(value, column, told, label, redraw) {
    const shape = read(value.schema);
    if (value.shownAs) shape.kind = value.shownAs; // what was chosen, also while a choice has no choices yet
    const set = (fresh) => { Object.assign(shape, fresh); value.schema = write(shape); told(); };
    const drop = (name, fresh) => { if (fresh.length) value[name] = fresh; else delete value[name]; told(); };
    const kind = select(KINDS, shape.kind, (chosen) => {
      value.shownAs = chosen;
      if (chosen !== "schema") set({kind: chosen, choices: []});
      redraw();
    }, {"aria-label": `Kind of value, ${label}`});
    const isSchema = shape.kind === "schema";
    const lack = el("input", {class: "tf-check", type: "checkbox", checked: shape.mayLack, on: {change: () => set({mayLack: lack.checked})}});
    const schema = isSchema ? text(typeof value.schema === "string" ? value.schema : JSON.stringify(value.schema, null, 2), (typed) => {
      try { value.schema = JSON.parse(typed); } catch { value.schema = typed; }
      told();
    }, {class: "tf-input tf-code", "aria-label": `JSON Schema, ${label}`}, 4) : null;
    const choices = shape.kind === "choice" ? text(shape.choices.join("\n"), (typed) => set({choices: lines(typed)}), {placeholder: "One per line", "aria-label": `Choices, ${label}`}, 2) : null;
    const fields = text((value.context_fields || []).join("\n"), (typed) => drop("context_fields", lines(typed)), {placeholder: "The whole event", "aria-label": `Fields that the model sees, ${label}`});
    const model = suggest(value.model, [], (typed) => drop("model", typed.trim()), {placeholder: column.model || "provider:model", "aria-label": `Model, ${label}`});
    const more = el("details", {class: "tf-more"}, el("summary", {}, "What the model sees, and which one is asked"),
      el("label", {}, el("span", {class: "tf-cell-label"}, "Fields that it sees, one per line, such as parsed.text"), fields),
      el("label", {}, el("span", {class: "tf-cell-label"}, "Model"), model));
    more.open = Boolean((value.context_fields || []).length || value.model);
    return [
      text(value.extract, (typed) => { value.extract = typed; told(); }, {placeholder: "In words: the amount that the sender offers, in dollars", "aria-label": `In words, ${label}`}, 2),
      el("div", {class: "tf-several"}, el("span", {}, "It is"), kind, isSchema ? null : el("label", {}, lack, "empty where the event does not tell (else the run fails)")),
      ...[choices, schema, more].filter(Boolean),
    ];
  }

  cells.mapping = (value, column, change, label) => {
    const box = el("div", {class: "tf-mapping"});
    let current = isWords(value) ? {...value} : value;
    const told = () => {
      if (!isWords(current)) { change(current); return; }
      const {shownAs, ...kept} = current; // how it is shown is not stored
      change(kept);
    };
    const draw = () => {
      const way = wayOf(current);
      const chosen = select(WAYS, way, (next) => { current = START[next](); told(); redrawn(box, draw); }, {"aria-label": `Where it comes from, ${label}`});
      const set = (fresh) => { current = fresh; told(); };
      const inner = {
        path: () => [suggest(current, column.options || [], set, {placeholder: column.placeholder, "aria-label": label})],
        words: () => words(current, column, told, label, () => redrawn(box, draw)),
        fixed: () => [window.Triggerfish.value({value: current, change: (fresh) => { current = fresh; told(); }, label, types: ["number", "yesno", "list", "group"]})],
      }[way]();
      box.replaceChildren(chosen, ...inner);
    };
    draw();
    return box;
  };
})();
