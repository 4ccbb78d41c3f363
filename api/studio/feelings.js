/** Feelings over the session: each message's valence, the mood it left, and its importance, as a plot to look into. */

import { get, of, query } from "./api.js";
import { el, fill } from "./dom.js";
import { FEELINGS, beginning, count, date, feelingClass, fixed, percent, speaker, time } from "./format.js";
import { Path } from "./path.js";
import { go, to } from "./place.js";
import { moodPlot } from "./plot.js";
import { attempt } from "./trouble.js";

export function tab(host, session) {
  const sheet = el("div.sheet");
  let plot = null;
  let path = null;
  let asked = new AbortController();
  fill(host, sheet);

  async function read() {
    asked.abort();
    asked = new AbortController();
    const { data } = await get(of(session.id, `/emotions${query({ at: session.at })}`), asked.signal);
    path?.leave();
    path = new Path(session, session.at, session.state.messages);
    draw(data);
  }

  function draw(felt) {
    plot?.end();
    plot = null;
    if (!felt.length) return void fill(sheet, nothing());
    const readout = el("div.readout");
    const box = el("div.plot", {
      tabindex: 0,
      role: "slider",
      "aria-label": "Feelings, message by message; Enter opens one",
      "aria-valuemin": 1,
      "aria-valuemax": felt.length,
      onkeydown: keys,
    });
    let at = felt.length - 1;
    const open = (index) => go(to(session.id, "conversation", { at: session.at, message: felt[index].of }));

    function keys(event) {
      if (event.key === "Enter") return open(at);
      const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      look(Math.max(0, Math.min(felt.length - 1, at + by)));
      plot.point(at);
    }

    function look(index) {
      at = index;
      const one = felt[index];
      box.setAttribute("aria-valuenow", String(index + 1));
      box.setAttribute("aria-valuetext", `message ${index + 1}, ${one.dominant}, valence ${fixed(one.valence)}, importance ${fixed(one.importance)}`);
      tell(one, index);
    }

    async function tell(one, index) {
      const facts = el(
        "p.facts.num",
        {},
        el(`span.feel.${feelingClass(one.dominant)}`, {}, one.dominant),
        el("span", {}, `${percent(one.confidence)} sure`),
        el("span", {}, `valence ${fixed(one.valence)}`),
        el("span", {}, `mood after it ${one.mood.dominant}, ${fixed(one.mood.valence)}`),
        el("span", {}, `importance ${fixed(one.importance)}`),
        el("span", {}, `${date(one.created)}, ${time(one.created)}`),
        el("a", { href: to(session.id, "conversation", { at: session.at, message: one.of }) }, `M${one.of}`),
      );
      const known = textOf(one.of);
      fill(readout, facts, el("p.text", {}, known ?? ""));
      if (known !== null) return;
      await path.have(index - 1, index + 1).catch(() => {});
      if (felt[at] === one) fill(readout, facts, el("p.text", {}, textOf(one.of) ?? ""));
    }

    fill(
      sheet,
      el("p.faint", {}, "Points are messages, coloured by what was felt; the line is the mood they left. Bars below are importance. Hover to read, click to go there."),
      box,
      readout,
      tally(felt),
    );
    plot = moodPlot(box, felt, { look, open });
    look(at);
  }

  function textOf(version) {
    for (const message of path.messages.values()) if (message.version === version) return `${speaker(message)}: ${beginning(message.text, 220)}`;
    return null;
  }

  const drawn = attempt(sheet, read);
  return {
    show: () => drawn,
    changed: () => attempt(sheet, read),
    leave() {
      asked.abort();
      path?.leave();
      plot?.end();
    },
  };
}

const nothing = () => el("div.empty", {}, el("h2", {}, "Nothing was read yet"), el("p", {}, "Emotions are read in each message as it comes, and in imported ones a little later. Say something, or look again in a moment."));

function tally(felt) {
  const counted = FEELINGS.map((name) => [name, felt.filter((one) => one.dominant === name).length]).filter(([, number]) => number > 0);
  counted.sort((a, b) => b[1] - a[1]);
  return el(
    "section",
    {},
    el("h2", {}, "How often"),
    el("dl.levels.num.tally", {}, counted.map(([name, number]) => el("div", {}, el("dt", {}, name), el(`dd.bar.${feelingClass(name)}`, { vars: { "--w": number / counted[0][1] } }, el("span", {}, count(number)))))),
  );
}
