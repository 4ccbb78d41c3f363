/** Candidates for recall as a table: their rank, their score with its parts as a bar, and what became of them. */

import { el, fill } from "./dom.js";
import { beginning, fixed, many } from "./format.js";
import { hue, verdict } from "./parts.js";

/**
 * @param {any[]} candidates
 * @param {{label: string, open?: (version: number) => void, mark?: (one: any) => string | null, showVerdict?: boolean}} given
 *   `open` goes to a memory's message, `mark` is a word on a row
 */
export function candidateTable(candidates, { label, open, mark, showVerdict = true }) {
  const most = Math.max(0.0001, ...candidates.map((one) => positive(one.parts)));
  return el(
    "table.candidates",
    { "aria-label": label },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "#"), el("th", { scope: "col" }, "Memory"), el("th.score", { scope: "col" }, "Score"))),
    el("tbody", {}, candidates.map((one) => rowOf(one, { most, open, mark, showVerdict }))),
  );
}

function rowOf(one, { most, open, mark, showVerdict }) {
  const parts = el("tr.parts", { hidden: true });
  const word = mark?.(one);
  const toggle = (event) => {
    if (parts.hidden) fill(parts, el("td", { colspan: 3 }, partsOf(one.parts)));
    parts.hidden = !parts.hidden;
    event.currentTarget.setAttribute("aria-expanded", String(!parts.hidden));
  };
  const name = one.kind === "message" ? `M${one.version}` : `${one.kind} ${one.version}`;
  const kept = one.verdict === "kept";
  const row = el(
    kept ? "tr.kept" : "tr",
    {},
    el("td.num.rank", {}, one.rank),
    el(
      "td.memory",
      {},
      el("p.text", {}, beginning(one.text ?? "forgotten since", 180)),
      el(
        "p.facts",
        {},
        open && one.kind === "message" ? el("button.link.mono", { type: "button", onclick: () => open(one.version) }, name) : el("span.mono", {}, name),
        one.speaker && el("span", {}, one.speaker),
        showVerdict && el("span.verdict", {}, verdict(one.verdict)),
        word && el("span.word", {}, word),
      ),
    ),
    el(
      "td.score",
      {},
      el(
        "button.bars",
        { type: "button", "aria-expanded": "false", "aria-label": `Score ${fixed(one.score, 3)}: show its parts`, onclick: toggle },
        el("span.num", {}, fixed(one.score, 3)),
        scoreBar(one.parts, most),
      ),
    ),
  );
  return [row, parts];
}

/** The parts side by side, as wide as they count. */
function scoreBar(parts, most) {
  return el(
    "span.bar-parts",
    {},
    inOrder(parts).map(([name, value]) => value > 0 && el("span", { title: `${name} ${fixed(value, 3)}`, vars: { "--share": value / most, "--hue": hue(name) } })),
  );
}

export function partsOf(parts) {
  const shown = inOrder(parts).filter(([, value]) => value !== 0);
  const none = inOrder(parts).length - shown.length;
  const most = Math.max(...shown.map(([, value]) => Math.abs(value)), 0.0001);
  return el(
    "dl.levels.num",
    {},
    shown.map(([name, value]) =>
      el("div", {}, el("dt", {}, name.replaceAll("_", " ")), el("dd.bar", { vars: { "--w": Math.abs(value) / most, "--feel": hue(name) } }, el("span", {}, fixed(value, 3)))),
    ),
    none > 0 && el("p.faint.small", {}, `${many(none, "part")} more gave nothing`),
  );
}

const inOrder = (parts) => Object.entries(parts ?? {}).sort((a, b) => b[1] - a[1]);
const positive = (parts) => Object.values(parts ?? {}).reduce((sum, value) => sum + Math.max(0, value), 0);
