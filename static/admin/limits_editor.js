// Limits of an agent: a number, or no limit. Config: {limits: [{name, label, help, standard, required}]}.
(() => {
  "use strict";
  const {editor, el} = window.Triggerfish;

  editor("limits", ({body, value, config, commit, marks}) => {
    const limits = value && typeof value === "object" && !Array.isArray(value) ? value : {};
    body.append(...config.limits.map((limit) => {
      const current = limit.name in limits ? limits[limit.name] : limit.standard;
      const number = el("input", {
        class: "tf-input", type: "number", min: limit.step === "any" ? 0 : 1, step: limit.step, value: current ?? "", disabled: current === null, "aria-label": limit.label,
        on: {input: () => { limits[limit.name] = number.value === "" ? "" : Number(number.value); commit(limits); }},
      });
      const free = el("input", {
        class: "tf-check", type: "checkbox", checked: current === null,
        on: {change: () => {
          number.disabled = free.checked;
          if (!free.checked && number.value === "") number.value = limit.standard ?? 1;
          limits[limit.name] = free.checked ? null : Number(number.value);
          commit(limits);
        }},
      });
      const row = el("div", {class: "tf-limit"}, el("span", {}, limit.label), number,
        limit.required ? null : el("label", {}, free, "unlimited"), el("span", {class: "tf-help"}, limit.help || ""));
      marks(limit.name, row);
      return row;
    }));
  });
})();
