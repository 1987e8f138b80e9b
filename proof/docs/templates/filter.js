// Hides what was not asked for. The question stands in the address, so that it can be sent to somebody.
"use strict";
(() => {
  const form = document.querySelector(".filter");
  const opened = () => {
    const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (named instanceof HTMLDetailsElement) named.open = true;
  };
  addEventListener("hashchange", opened);
  opened();
  if (!form) return;

  const items = [...document.querySelectorAll(".item")];
  const fields = [...form.elements].filter((field) => field.name);
  const targets = [...form.elements.target.options].map((option) => option.value).filter(Boolean);

  const matches = (item, wanted) => {
    const state = wanted.state.replace(" ", "-");
    const found = (wanted.target ? [wanted.target] : targets).flatMap((target) =>
      item.getAttribute(`data-state-${target}`).replace("not run", "not-run").split(" "));
    const text = item.dataset.text.toLowerCase();
    return (!state || found.includes(state)) &&
      (!wanted.milestone || item.dataset.milestone === wanted.milestone) &&
      wanted.text.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  };

  const apply = () => {
    const wanted = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    for (const item of items) item.hidden = !matches(item, wanted);
    for (const part of document.querySelectorAll(".part")) part.hidden = !part.querySelector(".item:not([hidden])");
    const shown = items.filter((item) => !item.hidden).length;
    form.querySelector("output").textContent =
      shown === items.length ? "" : `${shown} of ${items.length} ${form.dataset.shown}`;
    return wanted;
  };

  const remember = () => {
    const kept = new URLSearchParams(Object.entries(apply()).filter(([, value]) => value));
    history.replaceState(null, "", `#${kept}`);
  };

  const recall = () => {
    if (location.hash.length > 1 && !location.hash.includes("=")) return;
    const kept = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) field.value = kept.get(field.name) ?? "";
    apply();
  };

  form.hidden = false;
  form.addEventListener("input", remember);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(remember));
  addEventListener("hashchange", recall);
  recall();
})();
