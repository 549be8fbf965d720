// Short messages in the corner. Equal ones that come close together become one with a number.

const SHOWN_FOR = 6000;
const AT_MOST = 3;
const open = new Map(); // key -> {element, count, timer}

/** `kind` is "info", "warning" or "error"; what has the same `key` is counted instead of shown again. */
export function toast(box, { key, title, text = "", href = "", kind = "info" }) {
  const known = open.get(key);
  if (known) {
    known.count += 1;
    known.element.querySelector("strong").textContent = `${title} (${known.count} times)`;
    known.element.querySelector("span").textContent = text;
    return expire(key, known);
  }
  while (open.size >= AT_MOST) close(open.keys().next().value);
  const element = document.createElement("div");
  element.className = `toast ${kind}`;
  element.innerHTML = '<div class="toast-body"><strong></strong><span></span></div><button type="button" aria-label="Close">×</button>';
  element.querySelector("strong").textContent = title;
  element.querySelector("span").textContent = text;
  if (href) {
    const link = document.createElement("a");
    link.href = href;
    link.textContent = "Look";
    element.querySelector(".toast-body").append(" ", link);
  }
  element.querySelector("button").addEventListener("click", () => close(key));
  box.append(element);
  const entry = { element, count: 1, timer: 0 };
  open.set(key, entry);
  expire(key, entry);
}

function expire(key, entry) {
  clearTimeout(entry.timer);
  entry.timer = setTimeout(() => close(key), SHOWN_FOR);
}

function close(key) {
  const entry = open.get(key);
  if (!entry) return;
  clearTimeout(entry.timer);
  open.delete(key);
  entry.element.remove();
}

/** What a person should notice at once, of all that is told; null for the rest. */
export function inWords(notice) {
  const say = WORDS[notice.type];
  return say ? say(notice) : null;
}

const WORDS = {
  notice: (n) => ({ key: `notice ${n.execution_id} ${n.message}`, kind: n.level, title: n.agent_name, text: n.message, href: n.execution_id && `/executions/${n.execution_id}/` }),
  "agent:event-triggered": (n) => ({ key: `event ${n.event_type}`, title: sentence(n.event_type), text: "An agent listens.", href: n.event_id && `/events/${n.event_id}/` }),
  "execution:rate-limited": (n) => ({ key: `limit ${n.agent_id}`, kind: "warning", title: n.message, text: `${n.reason}. The next run starts in about ${n.retry_in} s.`, href: n.agent_id && `/agents/${n.agent_id}/` }),
  "agent:auto-paused": (n) => ({ key: `paused ${n.agent_id}`, kind: "warning", title: "An agent paused by itself", text: n.reason, href: n.agent_id && `/agents/${n.agent_id}/` }),
  "trigger:error": (n) => ({ key: `trigger ${n.trigger_id}`, kind: "error", title: "A trigger stopped", text: n.message }),
  "alert:raised": (n) => ({ key: `alert ${n.kind}`, kind: "warning", title: "Alert", text: n.message, href: n.execution_id && `/executions/${n.execution_id}/` }),
  "execution:finished": (n) => n.status === "failed" || n.status === "timed_out" ? { key: `failed ${n.agent_id}`, kind: "error", title: `${n.agent_name} failed`, text: n.trigger_name, href: `/executions/${n.execution_id}/` } : null,
};

function sentence(name) {
  const words = name.replace(/[._:-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
