/** A context as it was sent: message by message, each part marked, and what is of the session linked to its message. */

import { el } from "./dom.js";
import { many } from "./format.js";
import { partClass, partName } from "./parts.js";

const SHOWN = 2;
/** Messages of a run of history that stand before and behind what is folded. */

/**
 * @param {any[]} manifest the recipe; null where it was forgotten
 * @param {any[]} context the messages
 * @param {(version: number) => (() => void) | null} open gives what leads to a message
 */
export function contextAsSent(manifest, context, open) {
  const rows = context.map((message, index) => ({ part: manifest?.[index]?.part ?? "", row: sent(message, manifest?.[index], open) }));
  return el("ol.context", {}, folded(rows));
}

/** Versions by how the context showed them. */
export function shownIn(manifest) {
  const marks = new Map();
  for (const { part, segments } of manifest ?? [])
    for (const { of } of segments) if (of !== undefined) marks.set(of, { history: "in the history", recall: "recalled", current: "the question" }[part] ?? partName(part));
  return marks;
}

function folded(rows) {
  const made = [];
  for (let at = 0; at < rows.length; ) {
    let end = at;
    while (end < rows.length && rows[end].part === "history" && rows[at].part === "history") end++;
    const run = rows.slice(at, Math.max(end, at + 1)).map((one) => one.row);
    if (run.length > 2 * SHOWN + 2) {
      const inner = run.slice(SHOWN, -SHOWN);
      made.push(...run.slice(0, SHOWN), el("li", {}, el("details", {}, el("summary", {}, `${many(inner.length, "message")} more of the history`), el("ol.context", {}, inner))), ...run.slice(-SHOWN));
    } else made.push(...run);
    at += run.length;
  }
  return made;
}

function sent(message, entry, open) {
  const part = entry?.part ?? "";
  const whole = entry?.segments.length === 1 && entry.segments[0].of;
  return el(
    `li.sent.${partClass(part)}`,
    {},
    el("p.facts", {}, el("span.part", {}, partName(part) || message.role), el("span.faint", {}, message.name ? `${message.role}, ${message.name}` : message.role), whole && link(whole, open)),
    el("p.text", {}, whole || !entry ? content(message) : pieces(message.content, entry.segments, open)),
  );
}

/** A literal stands as it is; what is quoted of the session is marked and linked. */
function pieces(text, segments, open) {
  let at = 0;
  return segments.map((segment, number) => {
    if (segment.text !== undefined && segment.of === undefined) {
      at += segment.text.length;
      return el("span.literal", {}, segment.text);
    }
    const next = segments[number + 1]?.text;
    const end = next ? text.indexOf(next, at) : text.length;
    const quoted = text.slice(at, end < 0 ? text.length : end);
    at += quoted.length;
    return el("span.quoted", {}, quoted, " ", link(segment.of, open));
  });
}

/** `open` gives null for what is no message: instructions, summaries, carried memories. */
function link(version, open) {
  const go = open(version);
  return go ? el("button.link.mono", { type: "button", onclick: go, "aria-label": `To message ${version}` }, `M${version}`) : el("span.mono.faint", {}, `version ${version}`);
}

function content(message) {
  return typeof message.content === "string" ? message.content : JSON.stringify(message.content);
}
