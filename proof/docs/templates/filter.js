// Filters the tasks; the filter stands in the address, so that it can be sent to somebody.
"use strict";
(() => {
  const form = document.querySelector(".filter");
  const rows = [...document.querySelectorAll("tr[data-text]")];
  const targets = [...form.target.options].map((option) => option.value).filter(Boolean);

  const matches = (row, wanted) => {
    const states = (wanted.target ? [wanted.target] : targets).map((target) => row.getAttribute(`data-state-${target}`));
    return (
      (!wanted.state || states.includes(wanted.state)) &&
      (!wanted.milestone || row.dataset.milestone === wanted.milestone) &&
      wanted.text.toLowerCase().split(/\s+/).every((word) => row.dataset.text.toLowerCase().includes(word))
    );
  };

  const wanted = () => Object.fromEntries(["state", "target", "milestone", "text"].map((name) => [name, form[name].value]));

  const apply = () => {
    const now = wanted();
    for (const row of rows) row.hidden = !matches(row, now);
    for (const part of document.querySelectorAll(".scroll:has(tr[data-text]), .milestone")) {
      part.hidden = !part.querySelector("tr[data-text]:not([hidden])");
    }
    const shown = rows.filter((row) => !row.hidden).length;
    form.querySelector("output").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} tasks`;
  };

  const remember = () => {
    const kept = new URLSearchParams(Object.entries(wanted()).filter(([, value]) => value));
    history.replaceState(null, "", String(kept) ? `#${kept}` : location.pathname);
    apply();
  };

  const recall = () => {
    if (!location.hash.includes("=")) return;
    const kept = new URLSearchParams(location.hash.slice(1));
    for (const name of ["state", "target", "milestone", "text"]) form[name].value = kept.get(name) ?? "";
    apply();
  };

  form.hidden = false;
  form.addEventListener("input", remember);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(remember));
  addEventListener("hashchange", recall);
  recall();
})();
