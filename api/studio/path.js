/** The messages in view, fetched a page at a time as they are looked at. */

import { get, of, query } from "./api.js";

const PAGE = 100;

export class Path {
  /** @param {{id: string}} session @param {number | null} at @param {number} count messages in view */
  constructor(session, at, count) {
    Object.assign(this, { session, at, count });
    /** @type {Map<number, any>} */
    this.messages = new Map();
    this.pages = new Map();
    this.ending = new AbortController();
  }

  leave() {
    this.ending.abort();
  }

  /** The message at a place, if it is here. */
  message(index) {
    return this.messages.get(index);
  }

  /** Fetches the pages with these places; true if anything came. */
  async have(first, last = first) {
    const asked = [];
    for (let page = Math.max(0, Math.floor(first / PAGE)); page <= Math.floor(last / PAGE); page++) asked.push(this.page(page));
    return (await Promise.all(asked)).some(Boolean);
  }

  page(number) {
    if (number * PAGE >= this.count) return false;
    if (!this.pages.has(number)) {
      const fetched = this.fetch(number * PAGE, PAGE).then(
        () => this.pages.set(number, false) && true,
        (error) => {
          this.pages.delete(number);
          throw error;
        },
      );
      this.pages.set(number, fetched);
    }
    return this.pages.get(number);
  }

  async fetch(offset, limit) {
    const address = of(this.session.id, `/messages${query({ at: this.at, offset, limit })}`);
    const { data } = await get(address, this.ending.signal);
    data.forEach((message, number) => this.messages.set(offset + number, message));
  }

  /** The place of a message in view, null if it is not. */
  async placeOf(version) {
    for (const [index, message] of this.messages) if (message.version === version) return index;
    try {
      const address = of(this.session.id, `/messages${query({ at: this.at, after: version, limit: 1 })}`);
      return (await get(address, this.ending.signal)).offset - 1;
    } catch (error) {
      if (error.status === 400) return null;
      throw error;
    }
  }

  /** The same path grown to `count`: what is here stays, the last page is asked for again. */
  async grow(count) {
    const first = Math.max(0, Math.min(count, this.count) - 3);
    this.count = count;
    for (const page of this.pages.keys()) if ((page + 1) * PAGE > first) this.pages.delete(page);
    for (const index of this.messages.keys()) if (index >= count) this.messages.delete(index);
    await this.have(Math.max(0, count - 1));
  }
}
