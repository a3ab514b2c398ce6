"use strict";
/* Three comforts; every page reads and every button works without them: the theme without a reload, regions that
   refresh themselves while somebody looks, and the keyboard. */
(() => {
  const root = document.documentElement;
  const KEYS = "nigrani-keys";

  /* Theme: the form posts the same choice when this script is off. */
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-theme-choice]");
    if (!button) return;
    event.preventDefault();
    const choice = button.dataset.themeChoice;
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `nigrani_theme=${choice}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    for (const each of document.querySelectorAll("button[data-theme-choice]")) {
      each.setAttribute("aria-pressed", String(each === button));
    }
  });

  /* Regions: an element with data-every asks its own address again, only while the tab is seen and nobody is
     selecting text or has opened something in it. */
  const turns = new WeakMap();
  const refresh = () => {
    if (document.visibilityState !== "visible" || !window.htmx) return;
    for (const region of document.querySelectorAll("[data-every]")) {
      const last = turns.get(region) ?? performance.now();
      turns.set(region, last);
      if (performance.now() - last < Number(region.dataset.every) * 1000) continue;
      if (region.contains(document.activeElement) && document.activeElement !== document.body) continue;
      if (region.querySelector("details[open]") || String(getSelection())) continue;
      turns.set(region, performance.now());
      window.htmx.trigger(region, "refresh");
    }
  };
  setInterval(refresh, 1000);
  document.addEventListener("visibilitychange", refresh);
  let firing = Number(document.querySelector("[data-firing]")?.dataset.firing ?? 0);
  document.addEventListener("htmx:afterSwap", () => {
    const told = document.querySelector("[data-firing]");
    const icon = document.querySelector("link[rel=icon]");
    if (!told || !icon) return;
    icon.href = `/favicon.svg?firing=${told.dataset.firing}`;
    const said = document.getElementById("said");
    if (said && Number(told.dataset.firing) > firing) said.textContent = told.querySelector("h1").textContent;
    firing = Number(told.dataset.firing);
  });

  /* Keyboard. Nothing it does is destructive; inputs and modified keys are left alone; it can be switched off. */
  let going = false;
  const rows = () => [...document.querySelectorAll("tr[data-row]")];
  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]");
  const off = () => localStorage.getItem(KEYS) === "off";

  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.classList.contains("picked"));
    const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
    all.forEach((row) => row.classList.toggle("picked", row === next));
    next.querySelector("a")?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  const actions = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => document.getElementById("keys")?.showModal(),
    g: () => {
      going = true;
      setTimeout(() => (going = false), 1500);
    },
  };

  document.addEventListener("keydown", (event) => {
    if (off() || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const place = going && document.querySelector(`.nav a[data-go="${CSS.escape(event.key)}"]`);
    if (place) {
      event.preventDefault();
      place.click();
      return;
    }
    going = false;
    const act = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
    if (!act) return;
    event.preventDefault();
    act();
  });

  const say = () => {
    for (const button of document.querySelectorAll("button[data-keys]")) {
      button.hidden = false;
      button.textContent = off() ? "Switch shortcuts on" : "Switch shortcuts off";
    }
  };
  document.addEventListener("click", (event) => {
    if (!event.target.closest("button[data-keys]")) return;
    localStorage.setItem(KEYS, off() ? "on" : "off");
    say();
  });
  say();
})();
