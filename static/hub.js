// The little that the pages do in the browser. Every page works without it.
(() => {
  "use strict";

  // An error summary takes the focus, so that it is what a screen reader reads first.
  const summary = document.querySelector("[data-focus]");
  if (summary) summary.focus();

  // Keys. They can be switched off (WCAG 2.1.4) on the help page; the choice stays in this browser.
  const OFF = "hub-keys-off";
  const stored = {
    get off() { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } },
    set off(value) { try { value ? localStorage.setItem(OFF, "1") : localStorage.removeItem(OFF); } catch { /* not kept */ } },
  };
  const typing = (target) =>
    target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;

  const rows = () => [...document.querySelectorAll("main .hub-table tbody tr")].filter((row) => row.querySelector("a"));
  let current = -1;
  const walk = (step) => {
    const all = rows();
    if (!all.length) return;
    all[current]?.classList.remove("is-current");
    current = Math.min(Math.max(current + step, 0), all.length - 1);
    all[current].classList.add("is-current");
    all[current].querySelector("a").focus();
    all[current].scrollIntoView({ block: "nearest" });
  };

  const showKeys = () => {
    let dialog = document.getElementById("hub-keys");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "hub-keys";
      dialog.className = "hub-dialog";
      dialog.setAttribute("aria-labelledby", "hub-keys-title");
      const title = document.createElement("h2");
      title.id = "hub-keys-title";
      title.textContent = "Keys";
      const list = document.createElement("dl");
      list.className = "hub-facts";
      const line = (keys, words) => {
        const row = document.createElement("div");
        const term = document.createElement("dt");
        for (const key of keys) {
          const cap = document.createElement("kbd");
          cap.textContent = key;
          term.append(cap, " ");
        }
        const meaning = document.createElement("dd");
        meaning.textContent = words;
        row.append(term, meaning);
        list.append(row);
      };
      line(["/"], "Go to the search field");
      line(["j", "k"], "Walk down and up the rows");
      document.querySelectorAll(".hub-nav a[data-key]").forEach((a) => line(["g", a.dataset.key], `Go to ${a.textContent.trim()}`));
      line(["?"], "Show this list");
      const more = document.createElement("p");
      const help = document.createElement("a");
      help.href = "/help#keys";
      help.textContent = "Switch the keys off";
      more.append(help);
      const close = document.createElement("button");
      close.type = "button";
      close.className = "usa-button";
      close.textContent = "Close";
      close.addEventListener("click", () => dialog.close());
      dialog.append(title, list, more, close);
      document.body.append(dialog);
    }
    if (!dialog.open) dialog.showModal();
  };

  let waiting = 0; // until when a letter after `g` counts
  document.addEventListener("keydown", (event) => {
    if (stored.off || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const key = event.key;
    if (waiting > Date.now()) {
      waiting = 0;
      const link = [...document.querySelectorAll(".hub-nav a[data-key]")].find((a) => a.dataset.key === key);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (key === "g") waiting = Date.now() + 1500;
    else if (key === "j") walk(1);
    else if (key === "k") walk(-1);
    else if (key === "?") showKeys();
    else if (key === "/") {
      const field = document.querySelector("main input[type=search], main .hub-search input:not([type=hidden])");
      if (!field) return;
      field.focus();
      field.select?.();
    } else return;
    event.preventDefault();
  });

  // The switch on the help page.
  const place = document.getElementById("keys-state");
  if (place) {
    const words = place.querySelector("[data-keys-words]");
    const button = place.querySelector("[data-keys-switch]");
    const show = () => {
      words.textContent = stored.off ? "The keys are switched off in this browser." : "The keys are switched on in this browser.";
      button.textContent = stored.off ? "Switch the keys on" : "Switch the keys off";
    };
    button.addEventListener("click", () => { stored.off = !stored.off; show(); });
    place.hidden = false;
    show();
  }

  // A second click does not send a form twice; coming back with the browser's button opens it again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
})();
