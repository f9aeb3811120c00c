// Show what is new: while the page is visible, ask every two seconds whether something changed, and replace the parts of
// the page that are marked with data-part. Without this script everything works, but is as old as the page.
"use strict";
(() => {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const INTERVAL_MS = 2000;
  let known = null;
  let timer = 0;

  const text = async (address) => {
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return answer.text();
  };

  // The element that has the focus, in a form that finds it in the new part.
  const focused = (part) => {
    const element = document.activeElement;
    if (!part.contains(element)) return null;
    const address = element.getAttribute("href");
    return address === null ? null : `a[href="${CSS.escape(address)}"]`;
  };

  const replace = (fresh) => {
    const parts = new Map([...fresh.querySelectorAll("[data-part]")].map((part) => [part.id, part]));
    for (const part of document.querySelectorAll("[data-part]")) {
      const newer = parts.get(part.id);
      if (!newer || newer.innerHTML === part.innerHTML) continue;
      const focus = focused(part);
      const offset = part.querySelector(".scroll")?.scrollLeft ?? 0;
      part.replaceWith(newer);
      if (focus) newer.querySelector(focus)?.focus({ preventScroll: true });
      if (offset) newer.querySelector(".scroll").scrollLeft = offset;
    }
    if (parts.size !== document.querySelectorAll("[data-part]").length) location.reload();
  };

  const look = async () => {
    timer = 0;
    try {
      const state = await text(main.dataset.live);
      if (known !== null && state !== known) {
        replace(new DOMParser().parseFromString(await text(location.href), "text/html"));
      }
      known = state;
      main.removeAttribute("data-stale");
    } catch {
      main.setAttribute("data-stale", ""); // the emulator ended, or restarts: what is shown stays
    }
    plan(INTERVAL_MS);
  };

  const plan = (delay) => {
    if (!document.hidden && !timer) timer = setTimeout(look, delay);
  };

  document.addEventListener("visibilitychange", () => plan(0));
  plan(0);
})();
