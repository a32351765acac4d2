/* The start page's language switch; a link ending in #lang=ja opens it in Japanese. */
"use strict";
(() => {
  const choose = (lang) => {
    document.documentElement.lang = lang;
    for (const code of ["en", "ja"]) document.getElementById(`lang-${code}`).setAttribute("aria-pressed", String(code === lang));
    for (const link of document.querySelectorAll("a[data-map]")) link.setAttribute("href", `${link.getAttribute("href").split("#")[0]}#lang=${lang}`);
    try { history.replaceState(null, "", `#lang=${lang}`); } catch { /* some browsers forbid it on file:// */ }
  };
  for (const code of ["en", "ja"]) document.getElementById(`lang-${code}`).addEventListener("click", () => choose(code));
  const asked = new URLSearchParams(location.hash.slice(1)).get("lang") ?? (navigator.language || "en").slice(0, 2);
  choose(asked === "ja" ? "ja" : "en");
})();
