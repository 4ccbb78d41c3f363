/** The list of sessions at the side: searched, opened, kept up to date. */

import { get, query } from "./api.js";
import { el, fill } from "./dom.js";
import { ago, count, feelingClass, many } from "./format.js";
import { forgetKey, key } from "./key.js";
import { place, to } from "./place.js";
import { themeButton } from "./theme.js";
import { attempt } from "./trouble.js";

const PAGE = 50;
const AGAIN_MS = 5000;

/** Fills the rail; `first` is called once with whether there are sessions at all. */
export function rail(host, first) {
  const list = el("ul.sessions", { "aria-label": "Sessions, latest first" });
  const below = el("div.below");
  const search = el("input", { type: "search", placeholder: "Search sessions", "aria-label": "Search sessions", oninput: later(() => load()) });
  let rows = [];
  let more = false;
  let asked = new AbortController();

  async function load(behind) {
    asked.abort();
    asked = new AbortController();
    const limit = behind ? PAGE : Math.max(PAGE, rows.length);
    const page = await get(`sessions${query({ limit: Math.min(limit, 1000), search: search.value, after: behind })}`, asked.signal);
    rows = behind ? [...rows, ...page.data] : page.data;
    more = page.has_more;
    draw();
    return rows.length > 0;
  }

  function draw() {
    const open = place().session;
    const focus = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    fill(list, rows.map((row) => entry(row, row.id === open)));
    if (focus) list.querySelector(`a[href="${focus}"]`)?.focus({ preventScroll: true });
    const none = search.value ? "No session has that in its title or id." : "No sessions yet.";
    fill(
      below,
      !rows.length && el("p.faint", {}, none),
      more && el("button.link", { type: "button", onclick: () => attempt(below, () => load(rows.at(-1).id)) }, "Show more"),
    );
  }

  fill(
    host,
    el("a.mark", { href: "#/" }, el("img", { src: "studio/heartline.svg", alt: "", width: 22, height: 22 }), "Heartline"),
    el("div.search", {}, search),
    el("div.scroll", { tabindex: -1 }, list, below),
    el("div.foot", {}, el("a", { href: "#/" }, "Connect"), el("a", { href: "#/health" }, "Health"), themeButton(), key() && el("button.link", { type: "button", onclick: forgetKey }, "Forget the key")),
  );
  attempt(below, load).then((any) => first(any === true));
  addEventListener("hashchange", draw);
  setInterval(() => document.hidden || load().catch(() => {}), AGAIN_MS);
}

function entry(row, open) {
  return el(
    "li",
    {},
    el(
      "a.entry",
      { href: to(row.id), "aria-current": open ? "page" : null },
      el("span.title", {}, row.title ?? row.id),
      el(
        "span.facts",
        {},
        el("span.id", {}, row.id),
        row.lineage.parent && el("span", {}, "fork"),
        el("span", { title: many(row.messages, "message") }, count(row.messages)),
        el("span", {}, ago(row.last_activity)),
        row.dominant_emotion && el(`span.feel.${feelingClass(row.dominant_emotion)}`, {}, row.dominant_emotion),
      ),
    ),
  );
}

function later(work, wait = 150) {
  let waiting;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => work().catch(() => {}), wait);
  };
}
