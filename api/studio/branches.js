/** Branches: where this session comes from and what came of it, two of them compared, and a memory carried over. */

import { all, get, of, post, query } from "./api.js";
import { ask } from "./dialog.js";
import { el, fill, say } from "./dom.js";
import { beginning, date, many, speaker } from "./format.js";
import { to } from "./place.js";
import { attempt, explained } from "./trouble.js";

const SHOWN = 200;

export function tab(host, session) {
  const kin = el("section");
  const answer = el("div.answer", { "aria-live": "polite" });
  const choice = /** @type {HTMLSelectElement} */ (el("select", { "aria-label": "Session to compare with", onchange: () => compare() }));
  fill(host, el("div.sheet", {}, kin, el("section", {}, el("h2", {}, "Compare with"), el("p", {}, choice), answer)));

  async function read() {
    const [sessions, siblings] = await Promise.all([all("sessions", "id"), get(of(session.id, `/siblings${query({ at: session.at })}`))]);
    const { lineage } = session.state;
    const near = new Set([lineage.parent, ...lineage.forks.map((fork) => fork.id)]);
    sessions.forEach((one) => one.lineage.parent && (one.lineage.parent === session.id || one.lineage.parent === lineage.parent) && near.add(one.id));
    const others = sessions.filter((one) => one.id !== session.id);
    others.sort((a, b) => Number(near.has(b.id)) - Number(near.has(a.id)));
    fill(
      choice,
      el("option", { value: "" }, others.length ? "choose a session" : "there is no other session"),
      others.map((one) => el("option", { value: one.id }, `${one.id}: ${beginning(one.title ?? "", 50)}${near.has(one.id) ? " (of the same past)" : ""}`)),
    );
    choice.disabled = !others.length;
    fill(kin, family(lineage, siblings.data));
  }

  function family(lineage, siblings) {
    const left = new Map();
    for (const one of siblings) if (one.left !== null) left.set(one.left, [...(left.get(one.left) ?? []), one]);
    return [
      el("h2", {}, "Where it comes from, and what came of it"),
      el(
        "ul.tree",
        {},
        lineage.parent && el("li", {}, el("a", { href: to(lineage.parent, "conversation", { at: lineage.at }) }, lineage.parent), el("span.faint", {}, `is its past, up to version ${lineage.at}`)),
        lineage.forks.map((fork) => el("li", {}, el("a", { href: to(fork.id) }, fork.id), el("span.faint", {}, `went its own way from version ${fork.at}`))),
        [...left].map(([version, messages]) =>
          el("li", {}, el("a", { href: to(session.id, "conversation", { at: version - 1, message: messages[0].version }) }, `version ${version - 1}`), el("span.faint", {}, `${many(messages.length, "message")} left the path with the next version: `), el("span", {}, beginning(`${speaker(messages[0])}: ${messages[0].text}`, 80))),
        ),
        !lineage.parent && !lineage.forks.length && !left.size && el("li.faint", {}, "It has no fork, and nothing was ever taken back. Fork from any version with the slider above."),
      ),
    ];
  }

  async function compare() {
    if (!choice.value) return void fill(answer);
    const other = choice.value;
    await attempt(answer, async () => {
      const diff = await get(of(session.id, `/diff/${encodeURIComponent(other)}`));
      const { common } = diff;
      fill(
        answer,
        el("p", {}, common ? `They have ${many(common.messages, "message")} in common, up to version ${common.version} of ${common.session_id ?? "a session that is gone"}.` : "They share no past: all that each knows, it knows alone."),
        el("div.split-pair", {}, side(diff.a, diff.b.session_id), side(diff.b, diff.a.session_id)),
      );
    });
  }

  function side(one, into) {
    return el(
      "section",
      {},
      el("h2", {}, `Only ${one.session_id}`),
      el("p.facts.num", {}, el("span", {}, many(one.messages.length, "message")), one.emotion && el(`span.feel.feel-${one.emotion.dominant}`, {}, one.emotion.dominant)),
      el("ul.memories", {}, one.messages.slice(0, SHOWN).map((message) => memory(message, one.session_id, into))),
      one.messages.length > SHOWN && el("p.faint", {}, `and ${many(one.messages.length - SHOWN, "message")} more`),
      one.carried.length > 0 && [el("h3", {}, "Carried over to it"), el("ul.memories", {}, one.carried.map((carried) => el("li", {}, el("p.text", {}, carried.text), el("p.facts", {}, `from ${carried.from.session_id ?? "a session that is gone"}, M${carried.from.version}`))))],
      !one.messages.length && !one.carried.length && el("p.faint", {}, "Nothing that the other does not know."),
    );
  }

  function memory(message, source, into) {
    const facts = el("p.facts", {}, el("b", {}, speaker(message)), el("span", {}, date(message.created)), el("a.mono", { href: to(source, "conversation", { message: message.version }) }, `M${message.version}`));
    const button = el("button.small", { type: "button", onclick: carry }, `Carry to ${into}`);
    facts.append(button);
    async function carry() {
      const yes = await ask({ title: `Carry M${message.version} to ${into}?`, text: [beginning(message.text, 160), `${into} can recall it from then on, as a memory; its conversation stays as it is.`], action: "Carry over" });
      if (!yes) return;
      try {
        await post(of(into, "/carry"), { from: source, version: message.version });
        say("Carried over.");
        await compare();
      } catch (error) {
        const { title, text } = explained(error);
        button.replaceWith(el("span.note", { role: "alert" }, `${title}: ${text}`));
      }
    }
    return el("li", {}, el("p.text", {}, message.text), facts);
  }

  const drawn = attempt(kin, read);
  return { show: () => drawn, changed: () => attempt(kin, read) };
}
