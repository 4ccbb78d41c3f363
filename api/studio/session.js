/**
 * A session: its head, its time, and one of its tabs. The parts ask it for what they share: which session, as of which
 * version, its state; and are told when that changes.
 */

import { get, of, query } from "./api.js";
import { axis } from "./axis.js";
import { el, fill } from "./dom.js";
import { count, many, money } from "./format.js";
import { follow } from "./follow.js";
import { TABS, go, place, to } from "./place.js";
import { explained, part, trouble } from "./trouble.js";

/** The tabs' modules: `tab(host, session) -> {show(place), changed?(), leave?()}`. */
const READ = {
  conversation: () => import("./conversation.js"),
  feelings: () => import("./feelings.js"),
  recall: () => import("./bench.js"),
  branches: () => import("./branches.js"),
};

/** @param {HTMLElement} main @param {ReturnType<typeof place>} here */
export function page(main, here) {
  const session = new SessionPage(main, here);
  return { show: (there) => session.show(there), leave: () => session.leave() };
}

class SessionPage {
  /** The state as of the version that is looked at, and as of now. @type {any} */ state = null;
  /** @type {any} */ head = null;

  constructor(main, { session: id, tab }) {
    // While the state is asked for.
    READ[tab]().catch(() => {});
    this.id = id;
    this.at = null;
    this.asked = new AbortController();
    this.top = el("header.session-head");
    this.time = el("div.axis");
    this.body = el("div.tab");
    this.lost = el("div.lost", { role: "status", hidden: true });
    this.tab = { name: "", part: null };
    fill(main, el("div.session", {}, this.top, this.time, this.lost, this.body));
    this.axis = axis(this.time, this);
    this.following = follow(this, { happened: () => this.refresh(), lost: (error) => this.tellLost(error) });
  }

  /** @param {ReturnType<typeof place>} here */
  async show(here) {
    const moved = here.at !== this.at || !this.state;
    this.at = here.at;
    if (moved && !(await this.load())) return;
    this.drawHead(here);
    try {
      await this.showTab(here, moved);
    } catch (error) {
      // The head stays, and with it the way to the other tabs.
      if (this.fail(error)) this.tab = { name: "", part: null };
      return;
    }
    // The other tabs' modules, for when the server is gone.
    for (const read of Object.values(READ)) read().catch(() => {});
  }

  leave() {
    this.following.stop();
    this.asked.abort();
    this.tab.part?.leave?.();
  }

  /** Whether one looks at the past. */
  get past() {
    return this.at !== null && this.at !== this.head?.version;
  }

  address(tab, given = {}) {
    return to(this.id, tab, { at: this.at, ...given });
  }

  /** Looks at a version; null is now. */
  travel(at) {
    const here = place();
    const version = at === null || at >= this.head.version ? null : Math.max(1, at);
    go(to(this.id, here.tab, { at: version, turn: here.turn, message: here.message }), true);
  }

  async load() {
    this.asked.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    try {
      const now = this.head && this.at !== null ? Promise.resolve(this.head) : get(of(this.id), signal);
      const then = this.at === null ? now : get(of(this.id, query({ at: this.at })), signal);
      [this.head, this.state] = await Promise.all([now, then]);
      this.following.from(this.head.version);
      return true;
    } catch (error) {
      if (this.fail(error) && error.status === 404) this.following.stop();
      return false;
    }
  }

  /** Tells in the tab's place of what went wrong; false for what was only aborted. */
  fail(error) {
    if (error?.name === "AbortError") return false;
    fill(this.body, trouble(error, () => this.show(place())));
    return true;
  }

  /** Something happened in the session: what is shown of now is shown anew. */
  async refresh() {
    try {
      this.head = await get(of(this.id));
      if (this.at === null) this.state = this.head;
    } catch (error) {
      if (error.status !== 404) return;
      this.following.stop();
      fill(this.body, trouble(error));
      return;
    }
    this.tellLost(null);
    this.drawHead(place());
    if (this.at === null) await this.tab.part?.changed?.();
  }

  drawHead(here) {
    const { head, state } = this;
    document.title = `${head.title ?? this.id} · Heartline`;
    const { parent, at } = state.lineage;
    const cost = state.usage.input_tokens + state.usage.output_tokens;
    fill(
      this.top,
      el("a.home", { href: "#/" }, "All sessions"),
      el("h1", {}, head.title ?? this.id),
      el(
        "p.facts.num",
        {},
        el("span.mono", {}, this.id),
        el("span", {}, many(state.messages, "message")),
        state.emotion && el(`span.feel.feel-${state.emotion.dominant}`, {}, state.emotion.dominant),
        cost > 0 && el("span", { title: "Tokens in and out, and what they cost by the list of prices" }, `${count(cost)} tokens, ${money(state.usage.estimated_cost_usd)}`),
        parent && el("span", {}, "fork of ", el("a", { href: to(parent, "conversation", { at }) }, parent), ` at version ${at}`),
      ),
      el(
        "nav.tabs",
        { "aria-label": "Of this session" },
        TABS.map((tab) => el("a", { href: this.address(tab), "aria-current": tab === here.tab ? "page" : null }, tab[0].toUpperCase() + tab.slice(1))),
      ),
    );
    this.axis.draw();
  }

  async showTab(here, moved) {
    if (this.tab.name !== here.tab || !this.tab.part) {
      this.tab.part?.leave?.();
      this.tab = { name: here.tab, part: null };
      const made = (await part(READ[here.tab])).tab(fill(this.body), this);
      this.tab.part = made;
    } else if (moved) await this.tab.part.changed?.();
    await this.tab.part.show(here);
  }

  tellLost(error) {
    this.lost.hidden = error === null;
    if (error) fill(this.lost, explained(error).title, ". What is shown may be old; it goes on by itself when the server is back.");
  }
}
