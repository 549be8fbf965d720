// What a schedule means while it is typed: the expression in words, and its next fires by both clocks, or what is wrong.
//   Triggerfish.schedulePreview({url, workspace}) -> {element, show(config)}
(() => {
  "use strict";
  const {el} = window.Triggerfish;
  const PAUSE = 250; // milliseconds without a key

  const readable = (moment) => moment.replace("T", " ").replace(/:00(\.0+)?(?=[Z+-]|$)/, "").replace("Z", " UTC");

  function schedulePreview({url, workspace}) {
    const element = el("div", {class: "tf-preview", role: "status"});
    let timer = null;
    let asked = 0;

    async function ask(body) {
      const mine = (asked += 1);
      const token = document.querySelector("input[name=csrfmiddlewaretoken]");
      const answer = await fetch(url, {
        method: "POST", credentials: "same-origin", body: JSON.stringify(body),
        headers: {"Content-Type": "application/json", "X-CSRFToken": token ? token.value : "", "X-Workspace": workspace},
      });
      const said = await answer.json();
      if (mine === asked) draw(said);
    }

    function draw(said) {
      if (!said.valid) {
        const messages = Object.values(said.details || {}).flat();
        element.replaceChildren(el("p", {class: "tf-problem"}, messages.join(" ") || said.error_message));
        return;
      }
      element.replaceChildren(
        el("p", {}, said.description),
        el("ol", {}, ...said.next.map((fire) => el("li", {}, `${readable(fire.local)}, `, el("small", {}, readable(fire.utc))))));
    }

    function show(config) {
      clearTimeout(timer);
      asked += 1; // an answer that is still on its way is out of date
      if (!config.cron_expression) {
        element.replaceChildren();
        return;
      }
      const body = {cron_expression: config.cron_expression, timezone: config.timezone || "UTC"};
      timer = setTimeout(() => ask(body).catch(() => element.replaceChildren()), PAUSE);
    }

    return {element, show};
  }

  window.Triggerfish.schedulePreview = schedulePreview;
})();
