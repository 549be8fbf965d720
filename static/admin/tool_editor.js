// The tools of an agent that a model drives: which actions, what is fixed, what the model may choose, who is asked.
// Config as that of the steps, with `guarded`: {action: [names of params that the model fills only where it may]}.
(() => {
  "use strict";
  const {editor, el, icon, button, select, params} = window.Triggerfish;

  // A tool of an MCP server, as the editors know actions; what a form cannot say is edited as any value.
  const SIMPLE = ["string", "number", "integer", "boolean"];
  const formed = (schema) => ({...schema, properties: Object.fromEntries(Object.entries(schema.properties || {}).map(([name, one]) => {
    const simple = one.enum || SIMPLE.includes(one.type) || (one.type === "array" && SIMPLE[0] === one.items?.type);
    return [name, simple ? one : {title: one.title, description: one.description, "x-widget": "json"}];
  }))});

  editor("tools", ({body, value, config, commit, marks}) => {
    const tools = (Array.isArray(value) ? value : []).map((one) => (typeof one === "string" ? {action: one} : one)).filter((one) => one && typeof one === "object");
    let first = true;
    const told = () => commit(tools);
    const known = Object.entries(config.actions).map(([name, action]) => ({value: name, label: action.label})).sort((a, b) => a.label.localeCompare(b.label));
    const servers = config.servers || [];
    const groups = [
      {label: "Actions", options: known},
      ...servers.map((server) => ({label: `MCP server ${server.name}`, options: server.tools.map((one) => ({value: `mcp:${server.name}/${one.name}`, label: `${server.name}: ${one.title || one.name}`}))})),
    ];
    const offers = Object.fromEntries(servers.flatMap((server) => server.tools.map((one) => [`mcp:${server.name}/${one.name}`, {
      label: one.title || one.name, description: one.description, icon: "extension", schema: formed(one.schema), asks: !(server.trusted && one.read_only),
    }])));
    const chosenName = (tool) => (tool.mcp ? `mcp:${tool.mcp}/${tool.tool}` : tool.action || "");
    const known_of = (tool) => (tool.mcp ? offers[chosenName(tool)] : config.actions[tool.action]);

    function check(label, checked, act) {
      const box = el("input", {class: "tf-check", type: "checkbox", checked, "aria-label": label, on: {change: () => { act(box.checked); told(); }}});
      return el("label", {}, box, ` ${label}`);
    }

    function approval(tool, action) {
      const asks = tool.mcp ? tool.needs_approval ?? action.asks : Boolean(tool.needs_approval);
      return check("A person approves each use", asks, (on) => { if (on || tool.mcp) tool.needs_approval = on; else delete tool.needs_approval; if (!tool.mcp) draw(); });
    }

    // A server's tool asks by itself, and says false where it does not.
    function acceptance(tool) {
      return check("Nobody needs to, also where strangers may write to the agent", tool.needs_approval === false, (on) => { if (on) tool.needs_approval = false; else delete tool.needs_approval; draw(); });
    }

    // Of an action the guarded params are opened; of a server's tool, which takes all, some are closed.
    function choosable(tool, action) {
      const titles = action.schema.properties;
      const names = tool.mcp ? Object.keys(titles).filter((name) => !(name in (tool.params || {}))) : config.guarded[tool.action] || [];
      const free = new Set(tool.free || (tool.mcp ? names : []));
      return names.map((name) => check(`The model may choose: ${titles[name].title || name}`, free.has(name), (on) => {
        if (on) free.add(name); else free.delete(name);
        if (tool.mcp ? names.some((one) => !free.has(one)) : free.size) tool.free = [...free]; else delete tool.free;
      }));
    }

    function allowances(tool, index, action) {
      const seen = first ? marks : () => {};
      const box = el("div", {class: "tf-nested"}, approval(tool, action), tool.mcp ? "" : acceptance(tool), ...choosable(tool, action));
      seen(`[${index}].free`, box);
      seen(`[${index}].needs_approval`, box);
      return box;
    }

    function choose(tool, name) {
      for (const old of Object.keys(tool)) delete tool[old];
      if (name.startsWith("mcp:")) {
        const cut = name.indexOf("/");
        Object.assign(tool, {mcp: name.slice(4, cut), tool: name.slice(cut + 1)});
      } else {
        tool.action = name;
      }
      told();
      draw();
    }

    function drawTool(tool, index) {
      const action = known_of(tool);
      const seen = first ? marks : () => {};
      const chosen = select([{value: "", label: "Choose a tool…"}, ...(servers.length ? groups : known)], chosenName(tool), (name) => choose(tool, name), {"aria-label": `Tool ${index + 1}`});
      const box = el("section", {class: "tf-step", "aria-label": `Tool ${index + 1}`}, el("div", {class: "tf-step-head"},
        icon(action?.icon || "help"), chosen,
        el("span", {class: "tf-tools"}, button(`Remove tool ${index + 1}`, "delete", () => { tools.splice(index, 1); told(); draw(); }, {quiet: true, danger: true}))));
      if (action) {
        const fixed = tool.params && typeof tool.params === "object" ? tool.params : {};
        const form = params({
          schema: {...action.schema, required: []}, value: fixed, choices: config.choices, variables: config.variables, marks: seen, path: `[${index}].params.`,
          change: () => { if (Object.keys(fixed).length) tool.params = fixed; else delete tool.params; told(); },
        });
        const more = el("details", {class: "tf-nested", open: Object.keys(fixed).length > 0 || first && (config.problems || []).length > 0},
          el("summary", {}, "What is fixed: the model neither sees nor changes it"), form);
        seen(`[${index}].params`, more);
        box.append(action.description ? el("p", {class: "tf-note"}, action.description) : "", allowances(tool, index, action), more);
      } else if (tool.mcp) {
        box.append(el("p", {class: "tf-note"}, "What it takes is not known here: test the connection of its server."));
      }
      for (const place of ["action", "mcp", "tool"]) seen(`[${index}].${place}`, box);
      seen(`[${index}]`, box);
      return box;
    }

    function draw() {
      const empty = tools.length ? [] : [el("p", {class: "tf-note"}, "No tools: the model only answers.")];
      body.replaceChildren(...tools.map(drawTool), ...empty, button("Add a tool", "add", () => { tools.push({action: ""}); told(); draw(); }));
      first = false;
    }

    draw();
  });

  // The fields of a typed answer: rows of name, kind and choices. A schema that says more is edited as it is.
  const KINDS = [
    {value: "string", label: "Text"}, {value: "integer", label: "Whole number"}, {value: "number", label: "Number"},
    {value: "boolean", label: "Yes / no"}, {value: "enum", label: "One of …"}, {value: "array", label: "List of texts"},
  ];
  const FLAT = new Set(["type", "enum", "items", "description", "maxLength", "minimum", "maximum"]);

  function isFlat(schema) {
    const inner = Object.values(schema.properties || {});
    const extra = Object.keys(schema).filter((name) => !["type", "properties", "required", "additionalProperties"].includes(name));
    return !extra.length && inner.every((one) => one && typeof one.type === "string" && one.type !== "object" && Object.keys(one).every((name) => FLAT.has(name)));
  }

  function rowsOf(schema) {
    const required = new Set(schema.required || []);
    return Object.entries(schema.properties || {}).map(([name, rest]) => ({name, rest: {...rest}, required: required.has(name)}));
  }

  function schemaOf(rows) {
    const named = rows.filter((row) => row.name.trim());
    return {
      type: "object", properties: Object.fromEntries(named.map((row) => [row.name.trim(), row.rest])),
      required: named.filter((row) => row.required).map((row) => row.name.trim()), additionalProperties: false,
    };
  }

  const START = {enum: {type: "string", enum: []}, array: {type: "array", items: {type: "string"}}};

  editor("schema", ({body, value, commit, marks}) => {
    function draw(given) {
      if (given === null || given === undefined) {
        body.replaceChildren(el("p", {class: "tf-note"}, "The answer is a text."), button("Ask for fields instead", "add", () => draw(schemaOf([{name: "summary", rest: {type: "string"}, required: true}]))));
        return commit(null);
      }
      commit(given);
      const text = button("A text will do", "close", () => draw(null));
      if (!isFlat(given)) return body.replaceChildren(window.Triggerfish.value({value: given, label: "JSON Schema of the answer", change: commit}), text);
      const rows = rowsOf(given);
      const told = () => commit(schemaOf(rows));
      const again = () => draw(schemaOf(rows));
      const line = (row, index) => {
        const kind = row.rest.enum ? "enum" : row.rest.type;
        const name = el("input", {class: "tf-input tf-narrow", type: "text", value: row.name, placeholder: "Name", "aria-label": `Name of field ${index + 1}`, on: {input: () => { row.name = name.value; told(); }}});
        const choices = el("input", {
          class: "tf-input", type: "text", value: (row.rest.enum || []).join(", "), placeholder: "hot, warm, cold", "aria-label": `Choices of field ${index + 1}`,
          on: {input: () => { row.rest.enum = choices.value.split(",").map((one) => one.trim()).filter(Boolean); told(); }},
        });
        return el("div", {class: "tf-nested-row"}, name,
          select(KINDS, kind, (chosen) => { row.rest = {...(START[chosen] || {type: chosen})}; again(); }, {"aria-label": `Kind of field ${index + 1}`}),
          kind === "enum" ? choices : "",
          button(`Remove field ${index + 1}`, "close", () => { rows.splice(index, 1); again(); }, {quiet: true}));
      };
      body.replaceChildren(...rows.map(line), button("Add a field", "add", () => { rows.push({name: `field_${rows.length + 1}`, rest: {type: "string"}, required: true}); again(); }), text);
    }
    draw(value);
    marks("", body);
  });
})();
