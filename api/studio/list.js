/**
 * A list of any length of which only what can be seen is on the page. Rows may be of any height: heights are measured
 * as rows come into view, and what stands above keeps its place while they are.
 */

import { el } from "./dom.js";

const BEYOND = 600;
/** Pixels above and below the view that are on the page too. */

export class LongList {
  /**
   * @param {HTMLElement} host what scrolls
   * @param {{row: (index: number) => HTMLElement, label: string, guess?: number}} given `guess` is a row's height
   */
  constructor(host, { row, label, guess = 72 }) {
    this.host = host;
    this.row = row;
    this.heights = new Heights(guess);
    this.rows = new Map();
    this.count = 0;
    this.current = -1;
    this.space = el("div.long", { role: "list", "aria-label": label });
    host.replaceChildren(this.space);
    host.addEventListener("scroll", () => this.soon(), { passive: true });
    this.space.addEventListener("keydown", (event) => this.keys(event));
    this.space.addEventListener("focusin", (event) => this.focused(event));
    this.sized = new ResizeObserver(() => this.resized());
    this.sized.observe(host);
    /** Rows that grow or shrink by themselves: something in them was opened. */
    this.grown = new ResizeObserver((entries) => this.regrown(entries.map((entry) => entry.target)));
  }

  /** The list has so many rows; those that are drawn are drawn anew. */
  reset(count) {
    this.count = count;
    this.heights.resize(count);
    if (this.current >= count) this.current = count - 1;
    this.redraw();
  }

  /** Draws rows anew that are on the page, all or those from one index until another. */
  redraw(from = 0, until = Infinity) {
    const held = document.activeElement?.closest("[data-index]");
    const focus = held && this.space.contains(held) ? Number(held.dataset.index) : -1;
    for (const [index, row] of this.rows) {
      if (index < from || index >= until) continue;
      this.remove(index, row);
    }
    this.draw();
    if (focus >= from && focus < until) this.rows.get(focus)?.focus({ preventScroll: true });
  }

  get atEnd() {
    return this.host.scrollTop + this.host.clientHeight >= this.heights.total - 40;
  }

  toEnd() {
    for (let round = 0; round < 4; round++) {
      this.host.scrollTop = this.heights.total;
      this.draw();
    }
  }

  /** Brings a row into view, into the middle where it is not there yet. */
  reveal(index) {
    for (let round = 0; round < 3; round++) {
      const top = this.heights.before(index);
      const height = this.heights.of(index);
      const { scrollTop, clientHeight } = this.host;
      if (round === 0 && this.rows.has(index) && top >= scrollTop && top + height <= scrollTop + clientHeight) return;
      this.host.scrollTop = top - Math.max(0, (clientHeight - height) / 2);
      this.draw();
    }
  }

  focus(index) {
    this.current = Math.max(0, Math.min(this.count - 1, index));
    this.reveal(this.current);
    this.draw();
    this.rows.get(this.current)?.focus({ preventScroll: true });
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  resized() {
    if (this.width !== this.host.clientWidth) {
      this.width = this.host.clientWidth;
      for (const [index, row] of this.rows) this.heights.set(index, row.offsetHeight);
    }
    this.draw();
  }

  regrown(rows) {
    let changed = false;
    for (const row of rows) {
      const index = Number(row.dataset.index);
      if (this.rows.get(index) !== row || this.heights.of(index) === row.offsetHeight) continue;
      this.heights.set(index, row.offsetHeight);
      changed = true;
    }
    if (changed) this.draw();
  }

  draw() {
    if (!this.host.clientHeight) return;
    const first = this.heights.at(Math.max(0, this.host.scrollTop - BEYOND));
    const last = Math.min(this.count - 1, this.heights.at(this.host.scrollTop + this.host.clientHeight + BEYOND));
    for (const [index, row] of this.rows) {
      if ((index < first || index > last) && index !== this.current) {
        this.remove(index, row);
      }
    }
    const fresh = [];
    for (let index = first; index <= last; index++) if (!this.rows.has(index)) fresh.push(this.place(index));
    if (this.current >= 0 && this.current < this.count && !this.rows.has(this.current)) fresh.push(this.place(this.current));
    this.measure(fresh);
    for (const [index, row] of this.rows) row.style.transform = `translateY(${this.heights.before(index)}px)`;
    this.space.style.height = `${this.heights.total}px`;
  }

  remove(index, row) {
    this.grown.unobserve(row);
    row.remove();
    this.rows.delete(index);
  }

  place(index) {
    const row = this.row(index);
    row.dataset.index = String(index);
    row.setAttribute("role", "listitem");
    row.setAttribute("aria-setsize", String(this.count));
    row.setAttribute("aria-posinset", String(index + 1));
    row.tabIndex = index === Math.max(0, this.current) || (this.current < 0 && !this.rows.size) ? 0 : -1;
    this.rows.set(index, row);
    this.grown.observe(row);
    // Where it stands in the page is where it is read: rows stay in order.
    const next = [...this.space.children].find((other) => Number(other.dataset.index) > index);
    this.space.insertBefore(row, next ?? null);
    return index;
  }

  /** What is found to be higher or lower above the view moves the view along. */
  measure(fresh) {
    const top = this.host.scrollTop;
    let shift = 0;
    const heights = fresh.map((index) => [index, this.rows.get(index)?.offsetHeight ?? 0]);
    for (const [index, height] of heights) {
      if (this.heights.before(index) + this.heights.of(index) <= top) shift += height - this.heights.of(index);
      this.heights.set(index, height);
    }
    if (shift) {
      this.space.style.height = `${this.heights.total}px`;
      this.host.scrollTop = top + shift;
    }
  }

  focused(event) {
    const row = event.target.closest("[data-index]");
    if (!row) return;
    this.rows.get(this.current)?.setAttribute("tabindex", "-1");
    this.current = Number(row.dataset.index);
    row.tabIndex = 0;
  }

  keys(event) {
    if (!event.target.matches("[data-index]")) return;
    const page = Math.max(1, Math.floor(this.host.clientHeight / 90));
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.focus(this.current + by);
  }
}

/** Heights of rows, guessed until measured, and their sums: a Fenwick tree over the differences from the guess. */
class Heights {
  constructor(guess) {
    this.guess = guess;
    this.resize(0);
  }

  resize(count) {
    const known = this.known?.subarray(0, Math.min(count, this.known.length)) ?? new Float64Array();
    this.known = new Float64Array(count);
    this.known.set(known);
    this.tree = new Float64Array(count + 1);
    known.forEach((height, index) => height && this.add(index, height - this.guess));
  }

  of(index) {
    return this.known[index] || this.guess;
  }

  set(index, height) {
    if (!height || index >= this.known.length) return;
    this.add(index, height - this.of(index));
    this.known[index] = height;
  }

  add(index, by) {
    for (let at = index + 1; at < this.tree.length; at += at & -at) this.tree[at] += by;
  }

  /** The sum of the heights before a row. */
  before(index) {
    let sum = index * this.guess;
    for (let at = index; at > 0; at -= at & -at) sum += this.tree[at];
    return sum;
  }

  get total() {
    return this.before(this.known.length);
  }

  /** The row at this many pixels. */
  at(pixels) {
    let low = 0;
    let high = Math.max(0, this.known.length - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.before(middle) <= pixels) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
