/** The parts of a context, by the names the manifest gives them, as they are called and coloured here. */

const NAMES = {
  persona: "instructions",
  instruction: "instructions",
  summary: "summary",
  history: "history",
  recall: "recalled",
  current: "question",
  response: "reply",
  feeling: "feeling",
};

export const partName = (part) => NAMES[part] ?? part;
export const partClass = (part) => `part-${partName(part)}`;

/** The verdicts on a candidate, in words. */
export const VERDICTS = {
  kept: "kept",
  in_window: "in the history already",
  below_threshold: "below the threshold",
  over_budget: "over the budget",
  duplicate: "said the same",
  filtered: "filtered",
  outranked: "outranked",
};

export const verdict = (name) => VERDICTS[name] ?? name.replaceAll("_", " ");

/** The parts of a score, with the hue each has; the same in every table. */
const HUES = ["#3d72b8", "#c98a1b", "#3f8f6b", "#a4508b", "#6a63b8", "#b5553c", "#2d8c99", "#8a7b2f", "#7b6a58", "#5d8fd0", "#c06c84", "#5f7f3a", "#8d6fc0", "#b0803a", "#477f86"];
const ORDER = ["cosine", "words", "words_near", "words_around", "tokens", "sitting", "speaker", "names", "date", "same_day", "days_told", "answer", "question", "cue", "quotation"];

export function hue(part) {
  const at = ORDER.indexOf(part);
  return HUES[(at < 0 ? part.length : at) % HUES.length];
}
