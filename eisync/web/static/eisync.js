// Ask for what has changed every two seconds, while the page is looked at. Without this script, reload the page.
(function () {
  "use strict";
  const EVERY_MS = 2000;

  function refresh() {
    if (document.visibilityState !== "visible") return;
    for (const part of document.querySelectorAll("[hx-trigger='refresh']")) {
      if (!part.contains(document.activeElement) || !document.activeElement.matches("input, select, textarea")) {
        htmx.trigger(part, "refresh");
      }
    }
  }

  // What a person has opened stays open when its part of the page is replaced.
  let open = [];
  document.addEventListener("htmx:beforeSwap", function () {
    open = Array.from(document.querySelectorAll("details[id][open]"), (one) => one.id);
  });
  document.addEventListener("htmx:afterSwap", function () {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  });
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, EVERY_MS);
})();
