/** The time slider: every version of the session, as it was, and from there on: rewind and fork, asked once. */

import { of, post } from "./api.js";
import { ask } from "./dialog.js";
import { el, fill, say } from "./dom.js";
import { count } from "./format.js";
import { go, to } from "./place.js";
import { explained } from "./trouble.js";

const SETTLE_MS = 90;

/** @param {HTMLElement} host @param {any} session a SessionPage */
export function axis(host, session) {
  const slider = /** @type {HTMLInputElement} */ (el("input", { type: "range", min: 1, step: 1, "aria-label": "Version of the session" }));
  const told = el("output.num");
  const deeds = el("div.deeds");
  const button = (label, sign, by) => el("button.step", { type: "button", "aria-label": label, title: label, onclick: () => session.travel(shownVersion() + by) }, sign);
  let waiting = 0;

  const shownVersion = () => session.at ?? session.head?.version ?? 1;
  slider.addEventListener("input", () => {
    tell(Number(slider.value));
    clearTimeout(waiting);
    waiting = setTimeout(() => session.travel(Number(slider.value)), SETTLE_MS);
  });
  addEventListener("keydown", keys);

  function keys(event) {
    if (!host.isConnected) return removeEventListener("keydown", keys);
    if (event.target.closest?.("input:not([type=range]), textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { "[": -1, "]": 1 }[event.key];
    if (by && session.head) session.travel(shownVersion() + by);
  }

  function tell(version) {
    const head = session.head.version;
    slider.setAttribute("aria-valuetext", version === head ? `version ${version}, now` : `version ${version} of ${head}`);
    host.style.setProperty("--done", `${head > 1 ? (100 * (version - 1)) / (head - 1) : 100}%`);
    fill(told, version === head ? `Version ${count(version)}, now` : `Version ${count(version)} of ${count(head)}`);
  }

  function draw() {
    host.hidden = false;
    const version = shownVersion();
    slider.max = String(session.head.version);
    if (document.activeElement !== slider || Math.abs(Number(slider.value) - version) > 0) slider.value = String(version);
    host.classList.toggle("past", session.past);
    tell(version);
    fill(
      deeds,
      session.past && el("span.as-it-was", {}, "As it was then"),
      session.past && el("button.small", { type: "button", onclick: () => rewind(version) }, "Rewind to here"),
      el("button.small", { type: "button", onclick: () => fork(version) }, "Fork from here"),
      session.past && el("button.small.quiet", { type: "button", onclick: () => session.travel(null) }, "Back to now"),
    );
  }

  async function rewind(version) {
    const yes = await ask({
      title: `Rewind to version ${count(version)}?`,
      text: ["The conversation goes on from there, with the memory it had then.", `Nothing is lost: what came later stays at version ${count(session.head.version)}, and can be gone back to.`],
      action: "Rewind",
    });
    if (!yes) return;
    await done(async () => {
      await post(of(session.id, "/rewind"), { to: version });
      say(`Rewound to version ${version}.`);
      go(to(session.id), true);
      await session.refresh();
    });
  }

  async function fork(version) {
    const answer = await ask({
      title: `Fork at version ${count(version)}`,
      text: ["A new session begins with all that this one knew then. This one stays as it is."],
      fields: [{ name: "as", label: "Name of the new session", value: `${session.id}-${version}`, hint: "A client talks to it at /sessions/NAME/v1" }],
      action: "Fork",
    });
    const name = answer?.as.trim();
    if (!name) return;
    await done(async () => {
      const made = await post(of(session.id, "/fork"), { at: version, as: name });
      go(to(made.session_id));
    });
  }

  async function done(deed) {
    try {
      await deed();
    } catch (error) {
      const { title, text } = explained(error);
      await ask({ title, text: [text], action: "Understood" });
    }
  }

  // Without a session there is no time.
  host.hidden = true;
  fill(host, el("div.line", {}, button("One version back", "‹", -1), slider, button("One version on", "›", 1), told), deeds);
  return { draw };
}
