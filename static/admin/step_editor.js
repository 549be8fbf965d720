// The steps of an agent: which action, with which params, and what happens when it fails.
// Config: {actions: {name: {label, description, icon, schema}}, choices, variables, problems}; see executions/admin/steps.py.
(() => {
  "use strict";
  const {editor, el, icon, button, select, move, params} = window.Triggerfish;
  const ON_ERROR = [{value: "fail", label: "If it fails, stop the run"}, {value: "continue", label: "If it fails, go on"}];

  editor("steps", ({body, value, config, commit, marks}) => {
    const steps = Array.isArray(value) ? value.filter((step) => step && typeof step === "object") : [];
    const known = Object.entries(config.actions).map(([name, action]) => ({value: name, label: action.label})).sort((a, b) => a.label.localeCompare(b.label));
    let first = true;
    const told = () => commit(steps);

    // What earlier steps answer can be used by later ones.
    function variables(index) {
      const earlier = steps.slice(0, index).flatMap((step, number) => {
        const sample = config.actions[step.action]?.output || {};
        return [`@steps.${number + 1}.output`, ...Object.keys(sample).map((name) => `@steps.${number + 1}.output.${name}`)]
          .map((name) => ({value: name, label: config.actions[step.action]?.label || step.action}));
      });
      return earlier.length ? [{label: "Earlier steps", options: earlier}, ...config.variables] : config.variables;
    }

    function head(step, index) {
      const shift = (by) => { if (move(steps, index, index + by)) { told(); draw(); focus(index + by); } };
      const action = select([{value: "", label: "Choose an action…"}, ...known], step.action || "", (chosen) => {
        step.action = chosen;
        step.params = {};
        told();
        draw();
        focus(index);
      }, {"aria-label": `Action of step ${index + 1}`});
      return el("div", {class: "tf-step-head"},
        el("span", {class: "tf-step-number"}, String(index + 1)), icon(config.actions[step.action]?.icon || "help"), action,
        select(ON_ERROR, step.on_error || "fail", (chosen) => { step.on_error = chosen; told(); }, {"aria-label": `When step ${index + 1} fails`}),
        el("span", {class: "tf-tools"},
          button(`Move step ${index + 1} up`, "arrow_upward", () => shift(-1), {quiet: true, disabled: index === 0}),
          button(`Move step ${index + 1} down`, "arrow_downward", () => shift(1), {quiet: true, disabled: index === steps.length - 1}),
          button(`Copy step ${index + 1}`, "content_copy", () => { steps.splice(index + 1, 0, JSON.parse(JSON.stringify(step))); told(); draw(); focus(index + 1); }, {quiet: true}),
          button(`Remove step ${index + 1}`, "delete", () => { steps.splice(index, 1); told(); draw(); }, {quiet: true, danger: true})));
    }

    function drawStep(step, index) {
      const action = config.actions[step.action];
      if (!step.params || typeof step.params !== "object" || Array.isArray(step.params)) step.params = {};
      const seen = first ? marks : () => {};
      const box = el("section", {class: "tf-step", "aria-label": `Step ${index + 1}`}, head(step, index));
      if (action) {
        const form = params({
          schema: action.schema, value: step.params, change: told, choices: config.choices, variables: variables(index),
          marks: seen, path: `[${index}].params.`,
        });
        const asks = el("input", {class: "tf-check", type: "checkbox", checked: Boolean(step.needs_approval), on: {change: () => { if (asks.checked) step.needs_approval = true; else delete step.needs_approval; told(); }}});
        form.append(el("label", {class: "tf-help"}, asks, " A person approves it before it happens"));
        if (action.description) form.prepend(el("p", {class: "tf-note"}, action.description));
        seen(`[${index}].params`, form);
        box.append(form);
      }
      seen(`[${index}].action`, box);
      seen(`[${index}].on_error`, box);
      seen(`[${index}]`, box);
      return box;
    }

    const focus = (index) => body.querySelectorAll(":scope > .tf-step")[index]?.querySelector("select")?.focus();

    function draw() {
      const empty = steps.length ? [] : [el("p", {class: "tf-note"}, "No steps yet. Add the first one, or give the agent a language model below.")];
      body.replaceChildren(...steps.map(drawStep), ...empty, button("Add a step", "add", () => {
        steps.push({action: "", params: {}, on_error: "fail"});
        told();
        draw();
        focus(steps.length - 1);
      }));
      first = false;
    }

    draw();
  });
})();
