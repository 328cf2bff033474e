// The worklist by keyboard: "/" searches, arrows choose a study, Enter opens it (it is a link).
"use strict";
(() => {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = document.activeElement;
    const typing = at && (at.tagName === "INPUT" || at.tagName === "SELECT" || at.tagName === "TEXTAREA");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      document.getElementById("words").focus();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || (typing && !(at.id === "words" && step === 1))) return;
    const links = [...document.querySelectorAll("a.open")];
    if (!links.length) return;
    event.preventDefault();
    const now = links.indexOf(at);
    const next = now < 0 ? (step > 0 ? 0 : links.length - 1) : now + step;
    links[Math.min(Math.max(next, 0), links.length - 1)].focus();
  });
})();
