// Follows a workspace over the websocket. Notices are hints, never the truth: whoever follows reads the page again.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;
const SILENCE = 7000; // three heartbeats and a bit: the connection is dead, whatever the browser says

/**
 * Keeps a connection to `path`. Calls `onNotice(notice)` for each notice, `onMissed()` when something may have been
 * missed (a new connection, a gap in `seq`, a heartbeat that is ahead), and `onState("connecting" | "live" | "offline")`.
 */
export function follow(path, { onNotice, onMissed, onState }) {
  let wait = FIRST_WAIT;
  let socket, watchdog, retry;
  let seen = null; // the newest number that we know of; null until the first heartbeat
  let lower = 0;

  function connect() {
    clearTimeout(retry);
    onState("connecting");
    seen = null;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = (socket = new WebSocket(`${scheme}//${location.host}${path}`));
    mine.addEventListener("message", (event) => mine === socket && hear(JSON.parse(event.data)));
    mine.addEventListener("close", (event) => mine === socket && lost(event.code));
    watch();
  }

  function hear(message) {
    watch();
    if (message.type === "heartbeat") return beat(message.seq);
    if (seen !== null && message.seq !== seen + 1) onMissed();
    seen = Math.max(seen ?? 0, message.seq);
    if (message.type === "overflow") onMissed();
    else onNotice(message);
  }

  function beat(seq) {
    if (seq === null) return onState("connecting"); // the server itself cannot follow now
    wait = FIRST_WAIT;
    onState("live");
    if (seen === null || seq > seen) {
      seen = seq;
      lower = 0;
      onMissed();
    } else if (seq < seen && ++lower >= 2) { // counting began anew; once may be an answer that was a moment old
      seen = seq;
      lower = 0;
      onMissed();
    } else if (seq === seen) lower = 0;
  }

  function watch() {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      const dead = socket;
      lost(0);
      dead.close();
    }, SILENCE);
  }

  function lost(code) {
    clearTimeout(watchdog);
    socket = null;
    onState("offline");
    if (code === 4401 || code === 4403) return location.reload(); // logged out, or no member any more
    retry = setTimeout(connect, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }

  addEventListener("online", () => socket || connect());
  addEventListener("pagehide", () => { const old = socket; socket = null; clearTimeout(watchdog); clearTimeout(retry); old?.close(); });
  addEventListener("pageshow", (event) => event.persisted && !socket && connect());
  connect();
}
