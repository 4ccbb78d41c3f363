/** Questions that are asked before something happens. */

import { el } from "./dom.js";

/**
 * Asks, and gives the fields' values; null when the person would rather not.
 *
 * @param {{title: string, text?: string[], action: string, danger?: boolean,
 *   fields?: {name: string, label: string, type?: string, value?: string, hint?: string}[]}} question
 * @returns {Promise<Record<string, string> | null>}
 */
export function ask({ title, text = [], action, fields = [] }) {
  return new Promise((answer) => {
    const inputs = fields.map((field) =>
      el("input", { name: field.name, type: field.type ?? "text", value: field.value ?? "", autocomplete: "off", spellcheck: "false" }),
    );
    const form = el(
      "form",
      { method: "dialog" },
      el("h2", { id: "asked" }, title),
      text.map((line) => el("p", {}, line)),
      fields.map((field, number) => el("label.field", {}, el("span", {}, field.label), inputs[number], field.hint && el("small", {}, field.hint))),
      el(
        "div.actions",
        {},
        el("button.quiet", { type: "button", onclick: () => close(null) }, "Cancel"),
        el("button.main", { type: "submit", value: "yes" }, action),
      ),
    );
    const box = /** @type {HTMLDialogElement} */ (el("dialog", { "aria-labelledby": "asked" }, form));
    const close = (value) => {
      box.close();
      box.remove();
      answer(value);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      close(Object.fromEntries(inputs.map((input) => [input.name, input.value])));
    });
    box.addEventListener("cancel", () => close(null));
    document.body.append(box);
    box.showModal();
  });
}
