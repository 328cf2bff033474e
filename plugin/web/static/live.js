// Keeps a page current: an event of the server becomes an event "changed" of the body, and htmx
// fetches the parts that wait for it. A hidden page listens to nothing and keeps no session alive.
"use strict";
(() => {
  const body = document.body;
  const live = document.getElementById("live");
  let source = null;

  function say(words) {
    if (live && live.textContent !== words) live.textContent = words;
  }

  function listen() {
    if (source || document.hidden) return;
    source = new EventSource(body.dataset.events);
    source.onopen = () => say("live");
    source.onerror = () => say("not connected, trying again");
    source.addEventListener("changed", () => htmx.trigger(body, "changed"));
    source.addEventListener("signedout", () => location.reload());
  }

  function rest() {
    if (source) source.close();
    source = null;
    say("paused");
  }

  body.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRF-Token"] = body.dataset.csrf;
    const cause = event.detail.triggeringEvent;
    if (cause && cause.type === "changed") event.detail.headers["X-By-Itself"] = "1";
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  addEventListener("pagehide", rest);
  listen();
})();
