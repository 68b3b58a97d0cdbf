// Keyboard shortcuts. Single keys can be switched off on a device; none of them decides anything, they only move the focus.

const dialog = document.getElementById("keys");
const toggle = document.getElementById("keys-on");
const stored = (() => { try { return localStorage.getItem("privyseal.keys"); } catch { return null; } })();
if (toggle) {
  toggle.checked = stored !== "off";
  toggle.addEventListener("change", () => { try { localStorage.setItem("privyseal.keys", toggle.checked ? "on" : "off"); } catch { /* not kept */ } });
}
for (const button of document.querySelectorAll("[data-keys]")) {
  button.hidden = false;
  button.addEventListener("click", () => { button.closest("details")?.removeAttribute("open"); dialog?.showModal(); });
}

// Menus close on Escape and on a click elsewhere, as menus do.
const menus = ".menu[open], .more[open]";
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(menus)) if (!menu.contains(event.target)) menu.open = false;
});

function step(by) {
  const links = [...document.querySelectorAll("[data-row] .row-link")];
  const here = links.findIndex((link) => link === document.activeElement || link.closest("[data-row]").contains(document.activeElement));
  const next = links[here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(here + by, 0), links.length - 1)];
  next?.focus();
  next?.closest("[data-row]").scrollIntoView({ block: "nearest" });
}

function reach(selector) {
  const target = document.querySelector(selector);
  if (target) { target.focus(); target.scrollIntoView({ block: "center" }); return; }
  const row = document.activeElement?.closest?.("[data-row]")?.querySelector(".row-link");
  if (row) location.assign(new URL(row.getAttribute("href") + "#request-decision", location.href));
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  o: () => document.activeElement?.closest?.("[data-row]")?.querySelector(".row-link")?.click(),
  a: () => reach("[data-approve]"),
  d: () => reach("[data-deny]"),
  "/": () => document.querySelector("[data-search], [data-editor]")?.focus(),
  "?": () => dialog?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll(menus)) { menu.open = false; menu.querySelector("summary").focus(); }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat && !"jk".includes(event.key)) return;
  if (toggle && !toggle.checked || dialog?.open) return;
  if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) {
    return;
  }
  const action = keys[event.key];
  if (action) { event.preventDefault(); action(); }
});
