// Conditions as a tree: groups (all, any, none of) with rows of field, operator, value, and groups inside groups.
// Conditions in words are drawn by question_editor.js.
// Config: {operators: [{name, label, value}], fields: {event_type: [{path, type, enum}]}, config_input, type_input,
// told_to: {trigger_type: event_type}, problems, and for conditions in words models, events_url, trigger, workspace}.
(() => {
  "use strict";
  const {editor, el, icon, button, select, suggest, redrawn} = window.Triggerfish;
  const LOGICS = [{value: "AND", label: "all of these are true"}, {value: "OR", label: "any of these is true"}, {value: "NOT", label: "none of these is true"}];
  const DEEPEST = 9;
  const isNumber = (text) => text.trim() !== "" && Number.isFinite(Number(text));

  // --- between the stored tree and what is drawn; each node remembers the path that the server knows it by -------------
  function read(node, path) {
    if (Array.isArray(node)) return {kind: "group", path, logic: "AND", members: node.map((one, i) => read(one, `${path}[${i}]`))};
    if (!node || typeof node !== "object") return {kind: "group", path, logic: "AND", members: []};
    const key = node.rules ? "rules" : node.conditions ? "conditions" : null;
    if (key) {
      const members = (Array.isArray(node[key]) ? node[key] : []).map((one, i) => read(one, `${path ? `${path}.` : ""}${key}[${i}]`));
      const logic = String(node.logic || "AND").toUpperCase();
      const [only] = members;
      // "None of these" is stored as the NOT of one OR, since a NOT holds exactly one condition.
      if (logic === "NOT" && members.length === 1 && only.kind === "group" && only.logic === "OR") return {kind: "group", path, logic, members: only.members};
      return {kind: "group", path, logic, members};
    }
    if (node.type === "llm" || node.description !== undefined) return {kind: "question", path, ...node};
    if (node.field !== undefined || node.operator !== undefined) return {kind: "leaf", path, field: node.field ?? "", operator: node.operator || "equals", value: node.value};
    return {kind: "group", path, logic: "AND", members: []};
  }

  function write(node) {
    if (node.kind === "question") return writeQuestion(node);
    if (node.kind === "leaf") return node.value === undefined ? {field: node.field, operator: node.operator} : {field: node.field, operator: node.operator, value: node.value};
    if (node.logic === "NOT" && node.members.length > 1) return {type: "combined", logic: "NOT", conditions: [write({...node, logic: "OR"})]};
    const plain = node.members.every((member) => member.kind === "leaf");
    return {type: plain ? "rule" : "combined", logic: node.logic, [plain ? "rules" : "conditions"]: node.members.map(write)};
  }

  function writeQuestion({description, context_fields, examples, model, min_confidence}) {
    const told = {type: "llm", description: description || "", context_fields: (context_fields || []).filter(Boolean), examples: examples || []};
    if (model) told.model = model;
    if (min_confidence !== undefined && min_confidence !== null) told.min_confidence = min_confidence;
    return told;
  }

  editor("conditions", ({body, value, config, commit, marks}) => {
    const wrapped = read(value, "");
    const root = wrapped.kind === "group" ? wrapped : {kind: "group", path: "", logic: "AND", members: [wrapped]};
    const operators = Object.fromEntries(config.operators.map((operator) => [operator.name, operator]));
    const options = config.operators.map((operator) => ({value: operator.name, label: operator.label}));
    let first = true;

    const told = () => commit(root.members.length ? write(root) : {});
    const redraw = () => { told(); redrawn(body, draw); };

    // The name of what the trigger listens to now; empty where its type has none.
    function eventName() {
      let chosen = {};
      try { chosen = JSON.parse(document.getElementById(config.config_input)?.value || "{}"); } catch { chosen = {}; }
      return (chosen && (chosen.event_type || (chosen.webhook_type ? `webhook.${chosen.webhook_type}` : chosen.endpoint))) || "";
    }

    // The fields of these event types; or of the one that triggers of this type alone hear.
    function fields() {
      const name = eventName() || config.told_to?.[document.getElementById(config.type_input)?.value] || "";
      if (config.fields[name]) return config.fields[name];
      const prefix = name.endsWith("*") ? name.slice(0, -1) : null;
      const found = Object.entries(config.fields).filter(([type]) => prefix !== null && type.startsWith(prefix)).flatMap(([, list]) => list);
      return [...new Map(found.map((field) => [field.path, field])).values()];
    }

    const fieldOf = (path) => fields().find((field) => field.path === path) || {};

    // --- a value fits its operator: nothing, text, a number or date, a list, or anything ---------------------------------
    function valueInput(leaf) {
      const kind = operators[leaf.operator]?.value || "any";
      const label = `Value for ${leaf.field || "the field"}`;
      const change = (fresh) => { leaf.value = fresh; told(); };
      if (kind === "none") { leaf.value = undefined; return el("span"); }
      if (kind === "list") {
        if (!Array.isArray(leaf.value)) leaf.value = leaf.value === undefined || leaf.value === "" ? [""] : [leaf.value];
        return window.Triggerfish.value({value: leaf.value, change, label, types: ["list"]});
      }
      if (Array.isArray(leaf.value)) leaf.value = leaf.value[0] ?? "";
      if (leaf.value === undefined) leaf.value = fieldOf(leaf.field).type === "boolean" ? true : "";
      if (kind === "any" && (typeof leaf.value !== "string" && typeof leaf.value !== "number")) {
        return window.Triggerfish.value({value: leaf.value, change, label, types: ["text", "number", "yesno", "nothing"]});
      }
      return oneLine(leaf, kind, label, change);
    }

    // Text that spells a number is one where the operator or the field wants numbers.
    function oneLine(leaf, kind, label, change) {
      const field = fieldOf(leaf.field);
      const numeric = kind === "number" || (kind === "any" && (["number", "integer"].includes(field.type) || typeof leaf.value === "number"));
      const take = (text) => change(numeric && isNumber(text) ? Number(text) : text);
      const hint = kind === "number" ? "Number or date" : "";
      const choices = field.enum || (field.type === "boolean" ? ["true", "false"] : []);
      const input = choices.length
        ? suggest(leaf.value, choices.map(String), take, {"aria-label": label, placeholder: hint})
        : el("input", {class: "tf-input", type: "text", inputmode: numeric ? "decimal" : null, value: leaf.value, placeholder: hint, "aria-label": label, on: {input: (event) => take(event.target.value)}});
      if (kind !== "any") return input;
      const typed = button("Other types of value", "data_object", () => { leaf.value = true; redraw(); }, {quiet: true});
      return el("div", {class: "tf-value"}, input, typed);
    }

    function drawLeaf(leaf, parent, index) {
      const values = el("div", {class: "tf-part-value"});
      const fill = () => values.replaceChildren(valueInput(leaf));
      const field = el("div", {class: "tf-part-field"}, suggest(leaf.field, () => fields().map((one) => ({value: one.path, label: one.label || one.type || ""})), (text) => { leaf.field = text.trim(); fill(); told(); },
        {placeholder: "Field, such as deal.value", "aria-label": `Field of row ${index + 1}`}));
      const operator = el("div", {class: "tf-part-operator"}, select(options, leaf.operator, (chosen) => { leaf.operator = chosen; fill(); told(); }, {"aria-label": `Operator of row ${index + 1}`}));
      fill();
      const box = el("div", {class: "tf-leaf", on: {keydown: (event) => {
        if (event.key === "Enter" && event.target.matches("input")) addLeaf(parent);
      }}}, field, operator, values, remove(parent, index, "row"));
      if (first) {
        const at = (name) => (leaf.path ? `${leaf.path}.${name}` : name);
        marks(at("field"), field);
        marks(at("operator"), operator);
        marks(at("value"), values);
        if (leaf.path) marks(leaf.path, box);
      }
      return box;
    }

    function drawQuestion(question, parent, index) {
      const at = (name) => (question.path && name ? `${question.path}.${name}` : question.path || name);
      const mark = first ? (name, element) => marks(at(name), element) : () => {};
      return window.Triggerfish.question(question, {number: index + 1, told, redraw, fields, mark, config, eventName, remove: remove(parent, index, "condition in words")});
    }

    const remove = (parent, index, what) => el("span", {class: "tf-tools"}, button(`Remove ${what} ${index + 1}`, "delete", () => { parent.members.splice(index, 1); redraw(); }, {quiet: true, danger: true}));

    function addLeaf(group) {
      const leaf = {kind: "leaf", path: "-", field: "", operator: "equals", value: ""};
      group.members.push(leaf);
      redraw();
      leaf.box?.querySelector("input")?.focus();
    }

    function drawGroup(group, parent, index, depth) {
      const logic = select(LOGICS, group.logic, (chosen) => { group.logic = chosen; redraw(); }, {"aria-label": "How the rows are joined"});
      const head = el("div", {class: "tf-group-head"}, el("span", {}, depth ? "…" : "Run when"), logic, parent ? remove(parent, index, "group") : null);
      const foot = el("div", {class: "tf-group-foot"},
        button("Add a row", "add", () => addLeaf(group)),
        button("Add a condition in words", "psychology", () => {
          group.members.push({kind: "question", path: "-", description: "", context_fields: [], examples: []});
          redraw();
        }),
        depth < DEEPEST ? button("Add a group", "account_tree", () => {
          group.members.push({kind: "group", path: "-", logic: "OR", members: [{kind: "leaf", path: "-", field: "", operator: "equals", value: ""}]});
          redraw();
        }) : null);
      const members = group.members.map((member, i) => {
        const draw = {group: drawGroup, leaf: drawLeaf, question: drawQuestion}[member.kind];
        member.box = draw(member, group, i, depth + 1);
        return member.box;
      });
      const empty = members.length ? [] : [el("p", {class: "tf-note"}, depth ? "An empty group." : "No conditions: every such event runs the agent.")];
      const box = el("div", {class: "tf-group", "data-logic": group.logic, role: "group"}, head, ...members, ...empty, foot);
      if (first) {
        if (group.path) marks(group.path, box);
        marks(group.path ? `${group.path}.logic` : "logic", head);
      }
      return box;
    }

    function draw() {
      body.replaceChildren(drawGroup(root, null, 0, 0));
      first = false;
    }

    document.getElementById(config.config_input)?.addEventListener("change", () => { if (!body.contains(document.activeElement)) draw(); });
    draw();
  });
})();
