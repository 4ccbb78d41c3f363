/** Light or dark: as the system says, unless one chose. */

import { el } from "./dom.js";

const PLACE = "heartline-theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

export function applyTheme() {
  document.documentElement.dataset.theme = localStorage.getItem(PLACE) ?? "system";
}

export function themeButton() {
  const button = el("button.link", { type: "button", onclick: change });
  const tell = () => (button.textContent = `Theme: ${document.documentElement.dataset.theme}`);
  function change() {
    localStorage.setItem(PLACE, NEXT[document.documentElement.dataset.theme ?? "system"]);
    applyTheme();
    tell();
    document.dispatchEvent(new Event("themed"));
  }
  tell();
  return button;
}
