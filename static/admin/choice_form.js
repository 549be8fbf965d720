// The configuration of a trigger: a form made of the schema of the type that another select holds.
// Config: {types: {event: {label, description, schema, variants}}, type_input: "id_trigger_type", choices: {event_type: [...]}}.
// `variants`: {by, into, of}: the value of the property `by` says which properties the object `into` has, and how it is set up.
(() => {
  "use strict";
  const {editor, el, params} = window.Triggerfish;

  editor("choice", ({body, value, config, commit, marks}) => {
    const chooser = document.getElementById(config.type_input);
    const kept = {};
    let current = value && typeof value === "object" && !Array.isArray(value) ? value : {};
    let type = chooser ? chooser.value : config.fixed;
    let first = true;

    function variantOf(kind, given) {
      const by = kind.variants?.by;
      return by ? kind.variants.of[given[by] ?? kind.schema.properties[by].default] : null;
    }

    function varied(kind, given) {
      const variant = variantOf(kind, given);
      if (!variant) return kind.schema;
      const {by, into, of} = kind.variants;
      const properties = {...kind.schema.properties};
      properties[by] = {...properties[by], "x-labels": Object.fromEntries(Object.entries(of).map(([name, one]) => [name, one.label]))};
      properties[into] = {...properties[into], properties: variant.properties, required: variant.required};
      return {...kind.schema, properties};
    }

    function draw() {
      const kind = config.types[type];
      if (!kind) {
        body.replaceChildren(el("p", {class: "tf-note"}, "Choose a type first."));
        return;
      }
      const schema = varied(kind, current);
      const variant = variantOf(kind, current);
      const preview = kind.preview ? window.Triggerfish.schedulePreview(kind.preview) : null;
      const change = (fresh) => {
        const now = variantOf(kind, fresh);
        if (now !== variant) { // another sender has other fields; what it does not know goes
          const {into} = kind.variants;
          const held = Object.entries(fresh[into] || {}).filter(([name]) => name in (now?.properties || {}));
          if (held.length) fresh[into] = Object.fromEntries(held); else delete fresh[into];
        }
        commit(fresh);
        preview?.show(fresh);
        if (now !== variant) draw();
      };
      const form = params({schema, value: current, change, choices: config.choices, marks: first ? marks : () => {}});
      form.classList.add("tf-plain");
      body.replaceChildren(el("p", {class: "tf-note"}, kind.description), ...(variant ? [el("p", {class: "tf-setup"}, variant.setup)] : []), form);
      if (preview) (form.children[kind.preview.after] || form.lastChild).before(preview.element); // beside what it explains
      preview?.show(current);
      first = false;
    }

    chooser?.addEventListener("change", () => {
      kept[type] = current; // going back finds what was typed before
      type = chooser.value;
      current = kept[type] || {};
      commit(current);
      draw();
    });
    draw();
  });
})();
