// A condition in words: what must be true, what the model gets to see, examples with the answer that is expected.
//   Triggerfish.question(question, {number, told, redraw, fields, mark, config, eventName, remove}) -> element
// `question` is changed in place. `mark(name, element)` shows faults at a place below the question (`examples[0].input`).
(() => {
  "use strict";
  const {el, icon, button, select, suggest} = window.Triggerfish;
  const ANSWERS = [{value: "yes", label: "expect yes"}, {value: "no", label: "expect no"}];
  const PAGE = 20; // of the last events, to take examples from

  const asText = (given) => (typeof given === "string" ? given : JSON.stringify(given, null, 1));
  const looksLikeJson = (text) => /^\s*[{[]/.test(text);

  // Text is a text, unless it is written as an object or a list.
  function asInput(text) {
    if (!looksLikeJson(text)) return {value: text, fault: ""};
    try { return {value: JSON.parse(text), fault: ""}; } catch { return {value: text, fault: "This is not JSON yet: it is taken as a text."}; }
  }

  const inside = (value, path) => path.split(".").reduce((here, part) => (here !== null && typeof here === "object" ? here[part] : undefined), value);

  // What the model would see of an event: the chosen fields by their paths, or all of it.
  function shown(payload, names) {
    if (!names.length) return payload;
    const found = names.map((name) => [name, inside(payload, name) ?? inside(payload.data, name)]);
    return Object.fromEntries(found.filter(([, value]) => value !== undefined));
  }

  async function get(url, workspace) {
    const answer = await fetch(url, {credentials: "same-origin", headers: {"X-Workspace": workspace || ""}});
    if (!answer.ok) throw new Error((await answer.json()).error_message);
    return answer.json();
  }

  // The newest events of the type that the trigger listens to; of what it heard itself where the type has no name.
  async function lastEvents({events_url: url, trigger, workspace}, name) {
    const prefix = name.endsWith("*") ? name.slice(0, -1) : "";
    if (name && !prefix) return (await get(`${url}?page_size=${PAGE}&type=${encodeURIComponent(name)}`, workspace)).results;
    if (name) return (await get(`${url}?page_size=200`, workspace)).results.filter((event) => event.type.startsWith(prefix));
    if (!trigger) return [];
    return (await get(`${url.replace("/events", `/${trigger}/events`)}?page_size=${PAGE}`, workspace)).results;
  }

  function drawFields(question, {told, redraw, fields, mark}) {
    const box = el("div", {class: "tf-question-fields"});
    question.context_fields.forEach((name, index) => {
      const label = `Field ${index + 1} that the model sees`;
      const input = suggest(name, () => fields().map((one) => ({value: one.path, label: one.label || one.type || ""})), (text) => { question.context_fields[index] = text.trim(); told(); },
        {"aria-label": label, placeholder: "Such as form.fields.message"});
      const chip = el("div", {class: "tf-chip"}, input, button(`Remove field ${index + 1}`, "close", () => { question.context_fields.splice(index, 1); redraw(); }, {quiet: true}));
      mark(`context_fields[${index}]`, chip);
      box.append(chip);
    });
    if (!question.context_fields.length) box.append(el("p", {class: "tf-note"}, "It sees the whole event. Choose fields, and it sees nothing else."));
    box.append(button("Add a field", "add", () => { question.context_fields.push(""); redraw(); }));
    return box;
  }

  function drawExample(question, index, {told, redraw, mark}) {
    const example = question.examples[index];
    const note = el("p", {class: "tf-note", hidden: true});
    const text = el("textarea", {
      class: "tf-input", rows: looksLikeJson(asText(example.input)) ? 4 : 1, value: asText(example.input), "aria-label": `Input of example ${index + 1}`,
      placeholder: question.context_fields.length > 1 ? "An object with the fields, such as {\"deal.name\": \"Big one\"}" : "What the event says, or an object",
      on: {input: () => {
        const {value, fault} = asInput(text.value);
        example.input = value;
        note.textContent = fault;
        note.hidden = !fault;
        told();
      }},
    });
    const answer = select(ANSWERS, example.expected ? "yes" : "no", (chosen) => { example.expected = chosen === "yes"; told(); }, {"aria-label": `Expected answer of example ${index + 1}`});
    const input = el("div", {class: "tf-example-input"}, text, note);
    const side = el("div", {class: "tf-example-side"}, answer, button(`Remove example ${index + 1}`, "delete", () => { question.examples.splice(index, 1); redraw(); }, {quiet: true, danger: true}));
    const box = el("div", {class: "tf-example"}, input, side);
    mark(`examples[${index}].input`, input);
    mark(`examples[${index}].expected`, side);
    mark(`examples[${index}]`, box);
    return box;
  }

  function drawExamples(question, tools) {
    const said = el("p", {class: "tf-note", role: "status"});
    async function take() {
      const events = await lastEvents(tools.config, tools.eventName());
      const event = events[question.taken || 0];
      if (!event) {
        said.textContent = question.taken ? "There are no older events." : "There is no such event yet.";
        return;
      }
      question.taken = (question.taken || 0) + 1; // the next press takes the one before
      const {payload} = await get(`${tools.config.events_url}/${event.id}`, tools.config.workspace);
      question.examples.push({input: shown(payload || {}, question.context_fields.filter(Boolean)), expected: true});
      tools.redraw();
    }
    const list = question.examples.map((_, index) => drawExample(question, index, tools));
    const empty = list.length ? [] : [el("p", {class: "tf-note"}, "Without examples nothing tells whether the model understands it. With some, the trigger is enabled only when they are right.")];
    return el("div", {class: "tf-question-examples"}, ...empty, ...list, el("div", {class: "tf-group-foot"},
      button("Add an example", "add", () => { question.examples.push({input: "", expected: true}); tools.redraw(); }),
      button("Take the last event as example", "history", () => take().catch((error) => { said.textContent = error.message || "The events could not be read."; }))), said);
  }

  function drawOptions(question, {told, mark, config}) {
    const model = el("label", {class: "tf-question-option"}, el("span", {}, "Model"), suggest(question.model, config.models || [], (text) => { question.model = text.trim(); told(); },
      {"aria-label": "Model that judges", placeholder: "The agent's"}));
    const number = el("input", {
      class: "tf-input", type: "number", min: 0, max: 1, step: "any", value: question.min_confidence ?? "", "aria-label": "Least confidence", placeholder: "Any",
      on: {input: () => { question.min_confidence = number.value === "" ? undefined : Number(number.value); told(); }},
    });
    const least = el("label", {class: "tf-question-option"}, el("span", {}, "Ask a person below a confidence of"), number);
    mark("model", model);
    mark("min_confidence", least);
    return el("div", {class: "tf-question-options"}, model, least);
  }

  function question(one, tools) {
    one.context_fields = Array.isArray(one.context_fields) ? one.context_fields : [];
    one.examples = Array.isArray(one.examples) ? one.examples : [];
    const text = el("textarea", {
      class: "tf-input", rows: 2, value: one.description || "", "aria-label": "What must be true, in words", placeholder: "The message asks for a price or an offer.",
      on: {input: () => { one.description = text.value; tools.told(); }},
    });
    const words = el("div", {class: "tf-question-words"}, text);
    const fields = el("div", {}, el("h4", {}, "What the model sees"), drawFields(one, tools));
    const examples = el("div", {}, el("h4", {}, "Examples"), drawExamples(one, tools));
    const box = el("div", {class: "tf-question", role: "group", "aria-label": `Condition in words ${tools.number}`},
      el("div", {class: "tf-question-head"}, icon("psychology"), el("span", {}, "In plain words, judged by a model"), tools.remove), words, fields, examples, drawOptions(one, tools));
    tools.mark("description", words);
    tools.mark("context_fields", fields);
    tools.mark("examples", examples);
    tools.mark("", box);
    return box;
  }

  window.Triggerfish.question = question;
})();
