// Keep the page true while it is looked at: ask every two seconds for what has changed, and let the ages grow. Without
// this script the page works as well: reload it.
(function () {
  "use strict";
  const EVERY_MS = 2000;
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

  function inWords(seconds) {
    for (const [length, unit] of UNITS) {
      if (seconds >= 2 * length) return `${Math.round(seconds / length)} ${unit} ago`;
    }
    return `${Math.max(0, Math.round(seconds))} s ago`;
  }

  // The clock of the browser may differ from that of the machine.
  const sentAt = Number(document.documentElement.dataset.now) * 1000;
  const shift = sentAt - Date.now();

  function tellAges() {
    for (const one of document.querySelectorAll("time[data-ago]")) {
      const text = inWords((Date.now() + shift - Date.parse(one.dateTime)) / 1000);
      if (one.textContent !== text) one.textContent = text;
    }
  }

  function refresh() {
    if (document.visibilityState !== "visible") return;
    for (const part of document.querySelectorAll("[hx-trigger='refresh']")) htmx.trigger(part, "refresh");
    tellAges();
  }

  // What a person has opened stays open when its part of the page is replaced.
  let open = [];
  document.addEventListener("htmx:beforeSwap", function () {
    open = Array.from(document.querySelectorAll("details[id][open]"), (one) => one.id);
  });
  document.addEventListener("htmx:afterSwap", function () {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    tellAges();
  });
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, EVERY_MS);
})();
