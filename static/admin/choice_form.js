// The configuration of a trigger: a form made of the schema of the type that another select holds.
// Config: {types: {event: {label, description, schema}}, type_input: "id_trigger_type", choices: {event_type: [...]}}.
(() => {
  "use strict";
  const {editor, el, params} = window.Triggerfish;

  editor("choice", ({body, value, config, commit, marks}) => {
    const chooser = document.getElementById(config.type_input);
    const kept = {};
    let current = value && typeof value === "object" && !Array.isArray(value) ? value : {};
    let type = chooser ? chooser.value : config.fixed;
    let first = true;

    function draw() {
      const kind = config.types[type];
      if (!kind) {
        body.replaceChildren(el("p", {class: "tf-note"}, "Choose a type first."));
        return;
      }
      const preview = kind.preview ? window.Triggerfish.schedulePreview(kind.preview) : null;
      const change = (fresh) => { commit(fresh); preview?.show(fresh); };
      const form = params({schema: kind.schema, value: current, change, choices: config.choices, marks: first ? marks : () => {}});
      form.classList.add("tf-plain");
      body.replaceChildren(el("p", {class: "tf-note"}, kind.description), form, ...(preview ? [preview.element] : []));
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
