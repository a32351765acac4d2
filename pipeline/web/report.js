/* The report: places in it keep the language (#lang=ja&at=variograms), the list of contents follows, rows of the checklist can be filtered. */
"use strict";
(() => {
  const asked = new URLSearchParams(location.hash.slice(1));
  const place = asked.get("at") ?? location.hash.slice(1);
  const links = [...document.querySelectorAll(".contents a, .skip")];
  const target = (link) => document.getElementById(link.getAttribute("href").slice(1));
  const go = (section, smooth) => {
    section.scrollIntoView({ behavior: smooth ? "smooth" : "auto" });
    try { history.replaceState(null, "", `#lang=${document.documentElement.lang}&at=${section.id}`); } catch { /* some browsers forbid it on file:// */ }
  };
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  for (const link of links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const section = target(link);
      go(section, !still.matches);
      section.setAttribute("tabindex", "-1");
      section.focus({ preventScroll: true });
    });
  }
  // After the language is chosen, which writes the address anew.
  addEventListener("DOMContentLoaded", () => {
    const section = document.getElementById(place);
    if (section?.matches("section")) go(section, false);
  });
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links) link.toggleAttribute("aria-current", link.getAttribute("href") === `#${entry.target.id}`);
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);

  for (const group of document.querySelectorAll(".filter")) {
    const buttons = [...group.querySelectorAll("button")];
    const rows = document.querySelectorAll(`table[id^="table-${group.dataset.table}-"] tbody tr`);
    for (const button of buttons) {
      button.addEventListener("click", () => {
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        for (const row of rows) row.hidden = button.dataset.state !== "" && row.dataset.state !== button.dataset.state;
      });
    }
  }
})();
