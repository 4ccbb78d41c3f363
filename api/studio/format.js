/** Numbers, dates and feelings as they are written on the page. */

const whole = new Intl.NumberFormat("en");
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const long = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export const count = (number) => whole.format(number ?? 0);
export const many = (number, one, several = `${one}s`) => `${count(number)} ${number === 1 ? one : several}`;
export const fixed = (number, digits = 2) => (number === null || number === undefined ? "–" : number.toFixed(digits));
export const percent = (number) => `${Math.round(100 * number)} %`;
export const date = (iso) => (iso ? day.format(new Date(iso)) : "");
export const longDate = (iso) => (iso ? long.format(new Date(iso)) : "");
export const time = (iso) => (iso ? clock.format(new Date(iso)) : "");

/** Milliseconds, as precise as one cares about. */
export const ms = (number) => (number >= 1000 ? `${(number / 1000).toFixed(2)} s` : `${number.toFixed(number < 10 ? 1 : 0)} ms`);

/** US dollars; null is a model without a price. */
export function money(dollars) {
  if (dollars === null || dollars === undefined) return "no price known";
  return dollars > 0 && dollars < 0.01 ? "under $0.01" : `$${dollars.toFixed(2)}`;
}

/** How long ago, in words. */
export function ago(iso, now = Date.now()) {
  const minutes = Math.round((now - new Date(iso).getTime()) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.round(minutes / 60)} h ago`;
  return minutes < 14 * 24 * 60 ? many(Math.round(minutes / 1440), "day") + " ago" : date(iso);
}

/** A text's beginning, on one line. */
export function beginning(text, length = 90) {
  const line = (text ?? "").replace(/\s+/g, " ").trim();
  return line.length <= length ? line : `${line.slice(0, length).trimEnd()}…`;
}

/** Who speaks: the name, or what the role is called. */
export const speaker = (message) => message.name || { user: "You", assistant: "Assistant", tool: "Tool" }[message.role] || message.role;

export const FEELINGS = ["joy", "love", "surprise", "neutral", "sadness", "fear", "anger", "disgust"];

/** The class that gives a feeling its colour. */
export const feelingClass = (name) => (FEELINGS.includes(name) ? `feel-${name}` : "feel-neutral");
