/** What another policy, number of memories or window would have shown, beside what was. */

import { of, post } from "./api.js";
import { budgetBar } from "./budget.js";
import { candidateTable } from "./candidates.js";
import { el, fill } from "./dom.js";
import { count, many } from "./format.js";
import { trouble } from "./trouble.js";

export const POLICIES = ["heartline", "hybrid", "cosine"];

/** @param {any} session @param {any} audit @param {(version: number) => void} open */
export function whatIf(session, audit, open) {
  const answer = el("div.answer", { "aria-live": "polite" });
  const others = POLICIES.filter((name) => name !== audit.policy?.name);
  const policy = /** @type {HTMLSelectElement} */ (el("select", { name: "policy" }, [...others, audit.policy?.name].map((name) => el("option", { value: name }, name))));
  const top = /** @type {HTMLInputElement} */ (el("input", { type: "number", min: 1, max: 1000, placeholder: "as it is" }));
  const window = /** @type {HTMLInputElement} */ (el("input", { type: "number", min: 1, placeholder: count(audit.window) }));
  const form = el(
    "form.row",
    {
      async onsubmit(event) {
        event.preventDefault();
        const asked = { policy: policy.value, top_k: number(top), budget: number(window) };
        try {
          fill(answer, compared(await post(of(session.id, `/turns/${audit.id}/what-if`), asked), open));
        } catch (error) {
          fill(answer, trouble(error));
        }
      },
    },
    el("label.field", {}, "Policy", policy),
    el("label.field", {}, "Memories", top),
    el("label.field", {}, "Window, tokens", window),
    el("button", { type: "submit" }, "What if"),
  );
  return [form, answer];
}

const number = (input) => (input.value ? Number(input.value) : null);

function compared({ kept, real, what_if: imagined, same_context: same, reproduced }, open) {
  return [
    el("p.sum", {}, same ? "It would have been the same context." : `${many(kept.both.length, "memory", "memories")} in both, ${kept.only_real.length} only in the real one, ${kept.only_what_if.length} only in this.`),
    reproduced === false && el("p.note", {}, "The turn's own policy does not build the recorded context again under today's settings, so other things differ too."),
    el(
      "div.pair",
      {},
      side(`Real: ${real.policy.name}`, real, new Set(kept.only_real), open),
      side(`What if: ${imagined.policy.name}`, imagined, new Set(kept.only_what_if), open),
    ),
  ];
}

function side(title, built, only, open) {
  return el(
    "section",
    {},
    el("h3", {}, title),
    el("p.faint.small.num", {}, `${count(built.tokens)} tokens of ${count(built.window)}`),
    budgetBar(built.budget, built.window),
    built.kept.length ? candidateTable(built.kept, { label: title, open, showVerdict: false, mark: (one) => (only.has(one.version) ? "only here" : null) }) : el("p.faint", {}, "No memory."),
  );
}
