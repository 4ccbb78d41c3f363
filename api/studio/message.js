/** A message as a row: who and when, what was said, what was felt, and what stood here before. */

import { el } from "./dom.js";
import { date, feelingClass, fixed, longDate, many, percent, speaker, time } from "./format.js";

/**
 * @typedef {{why: (message: any) => void, other: (version: number) => void}} Deeds
 * @param {any} message
 * @param {{before?: any, last: boolean, others: any[], beyond: any[], chosen: boolean, marks: Map<number, string>}} about
 *   what stands around it: the message before, siblings at its place and behind it, and how a chosen turn showed it
 * @param {Deeds} deeds
 */
export function messageRow(message, about, deeds) {
  const mark = about.marks.get(message.version);
  const unanswered = message.role === "user" && message.turn_id && about.last;
  return el(
    "div",
    {
      "aria-label": `${speaker(message)}, ${date(message.created)}`,
      "data-version": message.version,
      "data-chosen": about.chosen,
      "data-shown": mark,
      class: [`message`, message.role, message.emotion && feelingClass(message.emotion.dominant)].filter(Boolean).join(" "),
    },
    newDay(about.before, message) && el("p.day", {}, longDate(message.created)),
    el(
      "div.line",
      {},
      el("div.who", {}, el("b", {}, speaker(message)), el("time.num", { datetime: message.created }, time(message.created))),
      el(
        "div.said",
        {},
        el("p.text", {}, message.text || el("i.faint", {}, message.tool_calls ? "calls a tool" : "nothing, or forgotten")),
        extras(message),
        unanswered && el("p.note", {}, "No reply yet, or it failed: ask why."),
        about.others.length > 0 && others(about.others, "stood here before", deeds),
        about.beyond.length > 0 && others(about.beyond, "once followed here", deeds),
      ),
      facts(message, mark, deeds),
    ),
  );
}

/** The row of a message that is still on its way. */
export const waitingRow = () => el("div.message.waiting", { "aria-label": "Not here yet" }, el("div.line", {}, el("div.who"), el("div.said", {}, el("p.text.faint", {}, "…"))));

function facts(message, mark, deeds) {
  const { emotion, importance } = message;
  return el(
    "div.facts",
    {},
    emotion && el(`span.feel.${feelingClass(emotion.dominant)}`, { title: `${percent(emotion.confidence)} sure, valence ${fixed(emotion.valence)}` }, emotion.dominant),
    importance !== null && importance !== undefined && el("span.weight", { title: `Importance ${fixed(importance)}`, vars: { "--w": importance } }, el("span.unseen", {}, `importance ${fixed(importance)}`)),
    el("span.version.mono", { title: "Version of the event that brought it" }, `M${message.version}`),
    mark && el("span.shown", {}, mark),
    el(message.turn_id && message.role === "assistant" ? "button.why.small.always" : "button.why.small", { type: "button", onclick: () => deeds.why(message), "aria-label": message.turn_id ? `Why this ${message.role === "user" ? "was answered so" : "reply"}: M${message.version}` : `About M${message.version}` }, message.turn_id ? "Why" : "Why not"),
  );
}

function extras(message) {
  const images = message.images?.length ?? 0;
  return [
    message.edited && el("p.note", {}, `Edited: replaces M${message.replaces}`),
    images > 0 && el("p.note", {}, many(images, "image")),
    message.tool_calls?.map((call) => el("p.note.mono", {}, `${call.function?.name ?? "tool"}(${call.function?.arguments ?? ""})`)),
  ];
}

/** What is no longer in view at a place, by when it was left. */
function others(siblings, label, deeds) {
  const groups = Map.groupBy ? Map.groupBy(siblings, (one) => one.left) : grouped(siblings);
  return el(
    "details.others",
    {},
    el("summary", {}, `${many(siblings.length, "message")} ${label}`),
    [...groups].map(([left, messages]) =>
      el(
        "div.branch",
        {},
        messages.slice(0, 6).map((one) => el("p", {}, el("b", {}, speaker(one)), " ", one.text)),
        messages.length > 6 && el("p.faint", {}, `and ${messages.length - 6} more`),
        left === null
          ? el("p.faint", {}, "A choice that was not taken")
          : el("button.small", { type: "button", onclick: () => deeds.other(left - 1) }, `See it as it was, at version ${left - 1}`),
      ),
    ),
  );
}

function grouped(siblings) {
  const groups = new Map();
  for (const one of siblings) groups.set(one.left, [...(groups.get(one.left) ?? []), one]);
  return groups;
}

const newDay = (before, message) => !before || date(before.created) !== date(message.created);
