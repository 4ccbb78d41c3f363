/** The recall bench: what would be recalled for a question, as of any version, by one policy or two. */

import { of, post } from "./api.js";
import { candidateTable } from "./candidates.js";
import { el, fill, say } from "./dom.js";
import { FEELINGS, count, many } from "./format.js";
import { verdict } from "./parts.js";
import { go, to } from "./place.js";
import { attempt } from "./trouble.js";
import { POLICIES } from "./whatif.js";

const KINDS = ["message", "summary", "persona", "carried"];

export function tab(host, session) {
  const answer = el("div.answer");
  const choice = (name, label, values, first = "any") => el("label.field", {}, label, el("select", { name }, el("option", { value: "" }, first), values.map((value) => el("option", { value }, value))));
  const field = (name, label, given = {}) => el("label.field", {}, label, el("input", { name, ...given }));
  const form = /** @type {HTMLFormElement} */ (
    el(
      "form",
      { onsubmit: (event) => void (event.preventDefault(), ask()) },
      el("label.field.wide", {}, "What would be recalled for", el("input", { name: "query", required: true, autocomplete: "off", placeholder: "a question, or a line of the chat" })),
      choice("policy", "Policy", POLICIES, "the one turns use"),
      choice("against", "Compare with", POLICIES, "nothing"),
      field("k", "Memories", { type: "number", min: 1, max: 1000, value: 10 }),
      field("at", "As of version", { type: "number", min: 1, placeholder: "now" }),
      choice("role", "Role", ["user", "assistant", "system", "tool"]),
      field("speaker", "Speaker", { placeholder: "any" }),
      choice("emotion", "Feeling", FEELINGS),
      choice("kind", "Kind", KINDS),
      field("after", "Said from", { type: "date" }),
      field("before", "Until", { type: "date" }),
      el("button.main", { type: "submit" }, "Recall"),
    )
  );
  fill(host, el("div.sheet.bench", {}, form, answer));

  async function ask() {
    const given = Object.fromEntries(new FormData(form));
    const filters = Object.fromEntries(["role", "speaker", "emotion", "kind", "after", "before"].filter((name) => given[name]).map((name) => [name, given[name]]));
    const question = { query: given.query, k: Number(given.k) || 10, at: Number(given.at) || null, filters };
    const policies = [given.policy || null, ...(given.against ? [given.against] : [])];
    await attempt(answer, async () => {
      const found = await Promise.all(policies.map((policy) => post(of(session.id, "/recall"), { ...question, policy })));
      fill(answer, compared(found));
      say(`${found[0].data.length} memories recalled.`);
    });
  }

  function compared(found) {
    const [one, other] = found.map((side) => new Set(side.data.map((memory) => memory.version)));
    const shared = other ? [...one].filter((version) => other.has(version)).length : 0;
    return [
      el("p.faint.num", {}, `As of version ${count(found[0].at)}.`, other && ` ${many(shared, "memory", "memories")} in both, ${one.size - shared} only left, ${other.size - shared} only right.`),
      el("div.pair", {}, found.map((side, number) => column(side, other && found[1 - number]))),
    ];
  }

  function column(side, other) {
    const theirs = other && new Map(other.data.map((memory) => [memory.version, memory.rank]));
    const mark = (memory) => (!theirs ? null : theirs.has(memory.version) ? `there ${theirs.get(memory.version)}` : "only here");
    const rest = Object.entries(side.verdicts).filter(([name]) => name !== "kept");
    return el(
      "section",
      {},
      el("h2", {}, `${side.policy.name}, version ${side.policy.version}`),
      side.data.length
        ? candidateTable(side.data, { label: `Recalled by ${side.policy.name}`, open: (version) => go(to(session.id, "conversation", { at: session.at, message: version })), mark, showVerdict: false })
        : el("p.faint", {}, "Nothing. With filters, take one away; without, there is nothing in view yet."),
      rest.length > 0 && el("p.faint.small.num", {}, `Not recalled: ${rest.map(([name, number]) => `${count(number)} ${verdict(name)}`).join(", ")}.`),
    );
  }

  return {
    show() {
      const at = /** @type {HTMLInputElement} */ (form.elements.namedItem("at"));
      at.value = session.at ?? "";
      if (!form.query.value) form.query.focus({ preventScroll: true });
    },
  };
}
