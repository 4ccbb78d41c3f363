/** A budget as one stacked bar: what each part took of the window, and what stayed free. */

import { el } from "./dom.js";
import { count } from "./format.js";
import { partClass, partName } from "./parts.js";

/** @param {Record<string, {allotted: number, used: number}>} budget @param {number} window tokens */
export function budgetBar(budget, window) {
  const parts = Object.entries(budget).filter(([name]) => name !== "response");
  const used = parts.reduce((sum, [, part]) => sum + part.used, 0);
  const kept = budget.response?.allotted ?? 0;
  const free = Math.max(0, window - used - kept);
  const pieces = [...parts.map(([name, part]) => [name, part.used, part.allotted]), ["free", free, null], ...(kept ? [["response", kept, null]] : [])];
  const told = pieces.map(([name, tokens]) => `${partName(name)} ${count(tokens)}`).join(", ");
  return el(
    "div.budget",
    {},
    el(
      "div.bar-stack",
      { role: "img", "aria-label": `Of ${count(window)} tokens: ${told}` },
      pieces.map(([name, tokens]) => tokens > 0 && el(`span.${partClass(name)}`, { vars: { "--share": tokens / window }, title: `${partName(name)}: ${count(tokens)} tokens` })),
    ),
    el(
      "ul.legend.num",
      {},
      pieces.map(([name, tokens, allotted]) =>
        el("li", {}, el(`span.swatch.${partClass(name)}`), `${name === "response" ? "kept for the reply" : partName(name)} `, el("b", {}, count(tokens)), allotted !== null && allotted !== undefined && el("span.faint", {}, ` of ${count(allotted)}`)),
      ),
    ),
  );
}
