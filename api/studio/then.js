/** What was known at the version that is looked at: who the character is, what was summed up, how it feels. */

import { el, fill } from "./dom.js";
import { FEELINGS, feelingClass, fixed, percent } from "./format.js";

/** @param {HTMLElement} host @param {any} session a SessionPage */
export function then(host, session) {
  const { state, past } = session;
  fill(
    host,
    el(
      "details.then",
      { open: matchMedia("(min-width: 761px)").matches },
      el("summary", {}, el("h2", {}, past ? `Known at version ${session.at}` : "Known now")),
      part("Persona", state.persona && [el("p.text", {}, state.persona.text), el("p.faint.small", {}, `since version ${state.persona.version}`)], "No instructions came with the messages yet."),
      part("Summary", state.summary && el("p.text", {}, state.summary), "Not written yet: it comes behind the first twenty messages."),
      part("Mood", state.emotion && mood(state.emotion), "Nothing was read in the messages yet."),
    ),
  );
}

const part = (title, known, unknown) => el("section", {}, el("h3", {}, title), known || el("p.faint", {}, unknown));

function mood(emotion) {
  const felt = FEELINGS.map((name) => [name, emotion.labels[name] ?? 0]).sort((a, b) => b[1] - a[1]);
  return [
    el("p", {}, el(`b.feel.${feelingClass(emotion.dominant)}`, {}, emotion.dominant), ` ${percent(emotion.confidence)}, valence ${fixed(emotion.valence)}, intensity ${fixed(emotion.intensity)}`),
    el(
      "dl.levels.num",
      {},
      felt.slice(0, 5).map(([name, level]) => el("div", {}, el("dt", {}, name), el(`dd.bar.${feelingClass(name)}`, { vars: { "--w": level } }, el("span", {}, percent(level))))),
    ),
  ];
}
