/** The conversation: the path as a chat, and beside it what was known then or why a turn showed what it showed. */

import { get, of, query } from "./api.js";
import { composer } from "./chat.js";
import { el, fill, say } from "./dom.js";
import { LongList } from "./list.js";
import { messageRow, waitingRow } from "./message.js";
import { Path } from "./path.js";
import { go, place, to } from "./place.js";
import { then } from "./then.js";
import { trouble } from "./trouble.js";
import { Why } from "./why.js";

export function tab(host, session) {
  return new Conversation(host, session);
}

class Conversation {
  constructor(host, session) {
    this.session = session;
    this.scroll = el("div.scroll");
    this.beside = el("aside.beside", { "aria-label": "Beside the conversation" });
    this.write = el("div.write");
    this.turn = null;
    this.marks = new Map();
    this.siblings = new Map();
    this.wanted = null;
    this.empty = el("div.nothing");
    fill(host, el("div.split", {}, el("section.path", { "aria-label": "Conversation" }, this.empty, this.scroll, this.write), this.beside));
    this.list = new LongList(this.scroll, { row: (index) => this.row(index), label: "Messages" });
    this.why = new Why(this.beside, session, { marked: (marks) => this.mark(marks), close: () => this.close() });
    this.begin();
    composer(this.write, session);
    this.pressed = (event) => this.keys(event);
    addEventListener("keydown", this.pressed);
  }

  leave() {
    this.path?.leave();
    removeEventListener("keydown", this.pressed);
  }

  /** Enter asks about the message that has the focus, Escape is enough of it. */
  keys(event) {
    if (event.key === "Escape" && this.turn !== null && !event.target.closest?.("dialog")) this.close();
    if (event.key !== "Enter" || !event.target.matches?.(".long > [data-index]")) return;
    const message = this.path.message(Number(event.target.dataset.index));
    if (message) this.ask(message);
  }

  /** @param {any} here the address */
  async show(here) {
    await this.begun;
    const turned = here.turn !== this.turn || here.message !== this.asked;
    this.turn = here.turn;
    this.asked = here.message;
    this.drawBeside(turned);
    if (here.message !== null) await this.find(here.message);
  }

  /** The state is another now: of another version, or what happened since. */
  async changed() {
    const { state, at } = this.session;
    const same = this.path && this.path.at === null && at === null && state.messages >= this.path.count;
    if (!same) return this.begin();
    const stay = this.list.atEnd;
    const old = this.path.count;
    try {
      await Promise.all([this.path.grow(state.messages), this.readSiblings()]);
    } catch {
      return;
    }
    this.list.reset(state.messages);
    if (stay && state.messages > old) this.list.toEnd();
    this.tellEmpty();
    if (!this.turn) this.drawBeside(false);
  }

  begin() {
    this.begun = this.read();
    return this.begun;
  }

  async read() {
    const { state, at } = this.session;
    this.path?.leave();
    const path = (this.path = new Path(this.session, at, state.messages));
    this.write.hidden = this.session.past;
    try {
      await Promise.all([path.have(state.messages - 1), state.messages > 100 && path.have(state.messages - 101), this.readSiblings()]);
    } catch (error) {
      if (error?.name !== "AbortError") fill(this.empty, trouble(error, () => this.begin()));
      return;
    }
    if (path !== this.path) return;
    this.list.reset(state.messages);
    this.list.toEnd();
    this.tellEmpty();
    this.drawBeside(false);
    performance.mark("conversation-shown");
  }

  async readSiblings() {
    const { data } = await get(of(this.session.id, `/siblings${query({ at: this.session.at })}`), this.path.ending.signal);
    this.siblings = new Map();
    for (const one of data) this.siblings.set(one.after, [...(this.siblings.get(one.after) ?? []), one]);
  }

  tellEmpty() {
    const none = this.session.state.messages === 0;
    fill(
      this.empty,
      none &&
        el(
          "div.empty",
          {},
          el("h2", {}, this.session.past ? "Nothing was said yet" : "Nothing has been said here"),
          el("p", {}, this.session.past ? "Move the slider on to see the first message." : "Write the first message below, or point a client at this session."),
        ),
    );
  }

  row(index) {
    const message = this.path.message(index);
    if (!message) {
      this.path.have(index).then((came) => came && this.list.redraw(), () => {});
      return waitingRow();
    }
    const before = this.path.message(index - 1);
    const last = index === this.path.count - 1;
    const here = index === 0 ? null : before?.version;
    return messageRow(
      message,
      {
        before,
        last,
        others: here === undefined ? [] : (this.siblings.get(here) ?? []),
        beyond: last ? (this.siblings.get(message.version) ?? []) : [],
        chosen: this.turn !== null && message.turn_id === this.turn,
        marks: this.marks,
      },
      { why: (one) => this.ask(one), other: (version) => this.session.travel(version) },
    );
  }

  /** A message of a turn asks for the turn; any other, with a turn chosen, why that did not show it. */
  ask(message) {
    const turn = message.turn_id ?? this.turn;
    const about = message.turn_id && !this.turn ? null : message.version;
    if (message.turn_id && message.turn_id !== this.turn && (!this.turn || message.role === "assistant")) return this.choose(message.turn_id);
    this.choose(this.turn ?? turn, about);
  }

  /** Back to the conversation, and to the message that was in focus there. */
  close() {
    this.choose(null);
    this.list.rows.get(this.list.current)?.focus({ preventScroll: true });
  }

  choose(turn, message = null) {
    const { session } = this;
    if (turn === null && message !== null) turn = this.latestTurn();
    if (turn === null && message !== null) return say("No reply was made here yet, so there is no context to ask about.");
    go(to(session.id, "conversation", { at: session.at, turn, message }));
  }

  /** The last turn that is here, null if none is. */
  latestTurn() {
    for (let index = this.path.count - 1; index >= 0; index--) {
      const turn = this.path.message(index)?.turn_id;
      if (turn) return turn;
    }
    return null;
  }

  drawBeside(turned) {
    this.beside.classList.toggle("asked", this.turn !== null);
    if (this.turn === null) {
      this.mark(new Map());
      then(this.beside, this.session);
    } else if (turned) this.why.show(this.turn, this.asked).then(() => this.enterOverlay());
    if (turned) this.list.redraw();
  }

  /** Where it lies over the conversation, the focus goes along. */
  enterOverlay() {
    if (getComputedStyle(this.beside).position === "fixed" && !this.beside.contains(document.activeElement)) this.beside.querySelector("button")?.focus();
  }

  /** How the chosen turn showed messages: `marks` by version. */
  mark(marks) {
    if (!marks.size && !this.marks.size) return;
    this.marks = marks;
    this.list.redraw();
  }

  async find(version) {
    const index = await this.path.placeOf(version).catch(() => null);
    if (index === null) return;
    await this.path.have(index - 20, index + 20);
    this.list.reveal(index);
    this.list.redraw(index, index + 1);
    const row = this.list.rows.get(index);
    row?.classList.add("found");
  }
}
