/** Why one message was not in a turn's context, or why it was. */

import { partsOf } from "./candidates.js";
import { el } from "./dom.js";
import { beginning, fixed } from "./format.js";
import { verdict } from "./parts.js";

/** @param {any} told the server's answer */
export function whyNot(told) {
  const numbers = [
    ["score", told.score],
    ["rank", told.rank],
    ["threshold", told.threshold],
    ["score at the cut", told.cut],
  ].filter(([, value]) => value !== null && value !== undefined);
  return el(
    "section.whynot",
    { "aria-live": "polite" },
    el("h3", {}, `About M${told.version}: ${verdict(told.verdict)}`),
    el("blockquote.text", {}, beginning(told.text, 160)),
    el("p", {}, told.explanation),
    told.moment && el("p", {}, "The context named it as a moment of the same feeling, or quoted it."),
    el("p.facts.num", {}, numbers.map(([name, value]) => el("span", {}, `${name} `, el("b", {}, Number.isInteger(value) ? value : fixed(value, 3))))),
    told.parts && el("details", {}, el("summary", {}, "What its score is made of"), partsOf(told.parts)),
    told.recomputed && el("p.note", {}, "Recomputed as of that turn, from stored vectors."),
  );
}
