// One value of any JSON type: text, number, yes/no, nothing, a list of values, a group of named values.
// Triggerfish.value({value, change, label}) -> element; `change(value)` is called with every edit.
(() => {
  "use strict";
  const {el, button, select, redrawn} = window.Triggerfish;
  const TYPES = [
    {value: "text", label: "Text"}, {value: "number", label: "Number"}, {value: "yesno", label: "Yes / no"},
    {value: "list", label: "List"}, {value: "group", label: "Group"}, {value: "nothing", label: "Empty"},
  ];
  const START = {text: () => "", number: () => 0, yesno: () => true, list: () => [""], group: () => ({}), nothing: () => null};
  const DEEPEST = 6;

  function typeOf(value) {
    if (value === null || value === undefined) return "nothing";
    if (Array.isArray(value)) return "list";
    return {number: "number", boolean: "yesno", object: "group"}[typeof value] || "text";
  }

  // What a value becomes when its type is changed: kept where that makes sense.
  function convert(value, type) {
    if (type === "text" && typeof value !== "object") return String(value ?? "");
    if (type === "number" && value !== "" && Number.isFinite(Number(value))) return Number(value);
    if (type === "list") return [value];
    return START[type]();
  }

  const INPUTS = {
    text: (value, change, label) => {
      const box = el("textarea", {class: "tf-input", rows: 1, "aria-label": label, value: value, on: {input: () => change(box.value)}});
      return box;
    },
    number: (value, change, label) => {
      const box = el("input", {
        class: "tf-input", type: "number", step: "any", "aria-label": label, value: String(value),
        on: {input: () => change(box.value === "" ? null : Number(box.value))},
      });
      return box;
    },
    yesno: (value, change, label) =>
      select([{value: "true", label: "Yes"}, {value: "false", label: "No"}], String(value), (text) => change(text === "true"), {"aria-label": label}),
    nothing: () => el("span", {class: "tf-note"}, "no value"),
    list: (value, change, label, depth) => {
      const box = el("div", {class: "tf-nested"});
      const draw = () => {
        box.replaceChildren(
          ...value.map((item, index) => el("div", {class: "tf-nested-row"},
            editor({value: item, label: `${label}, ${index + 1}`, depth: depth + 1, change: (fresh) => { value[index] = fresh; change(value); }}),
            button(`Remove value ${index + 1}`, "close", () => { value.splice(index, 1); change(value); draw(); }, {quiet: true}))),
          button("Add a value", "add", () => { value.push(""); change(value); draw(); box.querySelector(".tf-nested-row:last-of-type textarea")?.focus(); }),
        );
      };
      draw();
      return box;
    },
    group: (value, change, label, depth) => {
      const pairs = Object.entries(value);
      const box = el("div", {class: "tf-nested"});
      const told = () => change(Object.fromEntries(pairs.filter(([name]) => name.trim())));
      const draw = () => {
        box.replaceChildren(
          ...pairs.map((pair, index) => {
            const name = el("input", {class: "tf-input tf-narrow", type: "text", placeholder: "Name", "aria-label": `Name ${index + 1}`, value: pair[0], on: {input: () => { pair[0] = name.value; told(); }}});
            return el("div", {class: "tf-nested-row"}, name,
              editor({value: pair[1], label: pair[0] || label, depth: depth + 1, change: (fresh) => { pair[1] = fresh; told(); }}),
              button(`Remove ${pair[0]}`, "close", () => { pairs.splice(index, 1); told(); draw(); }, {quiet: true}));
          }),
          button("Add a name", "add", () => { pairs.push(["", ""]); draw(); box.querySelector(".tf-nested-row:last-of-type input")?.focus(); }),
        );
      };
      draw();
      return box;
    },
  };

  function editor({value, change, label = "Value", depth = 0, types = null}) {
    const box = el("div", {class: "tf-value"});
    const offered = TYPES.filter((type) => (!types || types.includes(type.value)) && (depth < DEEPEST || !["list", "group"].includes(type.value)));
    const draw = () => {
      const type = typeOf(value);
      const told = (fresh) => { value = fresh; change(fresh); };
      const kind = select(offered, type, (chosen) => { value = convert(value, chosen); change(value); redrawn(box, draw); }, {class: "tf-input tf-type", "aria-label": `Type of ${label}`});
      box.replaceChildren(...(offered.length > 1 ? [kind] : []), INPUTS[type](value, told, label, depth));
    };
    draw();
    return box;
  }

  window.Triggerfish.value = editor;

  // A whole field of one value. Config: {label, only: "group"}.
  window.Triggerfish.editor("value", ({body, value, config, commit}) => {
    body.append(editor({value, label: config.label, change: commit, types: config.only ? [config.only] : null}));
  });
})();
