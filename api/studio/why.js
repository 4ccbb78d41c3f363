/** Beside a reply: what the model was shown, and why. All of it is what the turn recorded. */

import { get, of, post } from "./api.js";
import { budgetBar } from "./budget.js";
import { candidateTable } from "./candidates.js";
import { contextAsSent, shownIn } from "./context.js";
import { el, fill } from "./dom.js";
import { count, many, ms, time, date } from "./format.js";
import { verdict } from "./parts.js";
import { go, to } from "./place.js";
import { trouble } from "./trouble.js";
import { whatIf } from "./whatif.js";
import { whyNot } from "./whynot.js";

/** Said of a turn that has no reply. */
const FAILED = {
  abandoned: "The server ended before the reply was there. Send the message again: it is stored once.",
  superseded: "A newer request took its place.",
};

export class Why {
  /** @param {HTMLElement} host @param {any} session @param {{marked: (marks: Map<number, string>) => void, close: () => void}} told */
  constructor(host, session, told) {
    Object.assign(this, { host, session, told, turn: null, audit: null });
    this.about = el("div.about");
    this.proof = el("div.proof", { "aria-live": "polite" });
  }

  /** Shows a turn; `version` is a message that is asked about besides. */
  async show(turn, version) {
    if (turn !== this.turn || !this.audit) await this.read(turn);
    if (turn === this.turn && this.audit) await this.explain(version);
  }

  async read(turn) {
    this.turn = turn;
    this.audit = null;
    fill(this.about);
    fill(this.proof);
    fill(this.host, this.head("What the model was shown"), el("p.faint.pad", {}, "…"));
    try {
      const audit = await get(of(this.session.id, `/turns/${encodeURIComponent(turn)}`));
      const { data } = await get(of(this.session.id, `/events?after=${audit.version - 1}&limit=1`));
      if (turn !== this.turn) return;
      this.audit = audit;
      this.draw(audit, data[0]?.data?.manifest ?? null);
    } catch (error) {
      if (turn === this.turn) fill(this.host, this.head("What the model was shown"), trouble(error, () => this.read(turn)));
    }
  }

  async explain(version) {
    if (!version) return void fill(this.about);
    try {
      fill(this.about, whyNot(await get(of(this.session.id, `/turns/${this.turn}/why-not?version=${version}`))));
    } catch (error) {
      fill(this.about, trouble(error));
    }
    this.host.scrollTop = 0;
  }

  draw(audit, manifest) {
    const marks = shownIn(manifest);
    const others = new Set(audit.candidates?.filter((one) => one.kind !== "message").map((one) => one.version));
    for (const { part, segments } of manifest ?? []) if (["persona", "summary"].includes(part)) for (const { of: version } of segments) others.add(version);
    this.told.marked(marks);
    const open = (version) => go(to(this.session.id, "conversation", { at: this.session.at, turn: this.turn, message: version }));
    fill(
      this.host,
      this.head(audit.reply ? `What M${audit.reply} was made of` : "What the model was shown"),
      el(
        "div.why-body",
        {},
        status(audit),
        this.about,
        audit.context === null ? el("p.note", {}, "What this turn was shown was forgotten since, so it cannot be shown again.") : [
          section("Budget", `${count(audit.window)} tokens`, budgetBar(audit.budget, audit.window)),
          this.candidates(audit, open),
          section("Context as sent", many(audit.context.length, "message"), contextAsSent(manifest, audit.context, (version) => (others.has(version) ? null : () => open(version)))),
          section("Proof", null, el("button", { type: "button", onclick: () => this.replay() }, "Replay from events"), this.proof),
          section("What if", null, whatIf(this.session, audit, open)),
        ],
        timings(audit.timings_ms),
      ),
    );
  }

  head(title) {
    return el("header.why-head", {}, el("h2", {}, title), el("button.quiet", { type: "button", onclick: () => this.told.close(), "aria-label": "Close" }, "Close"));
  }

  candidates({ candidates, rest, policy, threshold }, open) {
    const kept = candidates.filter((one) => one.verdict === "kept");
    const not = candidates.filter((one) => one.verdict !== "kept");
    const others = Object.entries(rest).map(([name, number]) => `${count(number)} ${verdict(name)}`);
    return section(
      "Candidates",
      `${policy.name}, version ${policy.version}; threshold ${threshold}`,
      kept.length ? candidateTable(kept, { label: "Recalled", open, showVerdict: false }) : el("p.faint", {}, "Nothing was recalled: what matters was in the history, or there was nothing else."),
      not.length > 0 && el("details", {}, el("summary", {}, `${many(not.length, "candidate")} not kept`), candidateTable(not, { label: "Not kept", open })),
      others.length > 0 && el("p.faint.small", {}, `Besides: ${others.join(", ")}. Choose a message to ask why it was not shown.`),
    );
  }

  async replay() {
    try {
      const told = await post(of(this.session.id, `/turns/${this.turn}/replay`));
      const verdicts = { true: "Identical: rendered from events alone, it is the same to the byte.", false: "It differs from what was recorded.", null: "What it needs was forgotten since, so it cannot be rendered." };
      fill(
        this.proof,
        el(`p.verdict-${told.identical}`, {}, verdicts[String(told.identical)]),
        el("p.mono.hash", {}, told.recorded_sha256),
        told.identical === false && el("p.mono.hash", {}, told.rebuilt_sha256),
        told.difference && el("p.note", {}, `Message ${told.difference.message} is the first that differs.`),
      );
    } catch (error) {
      fill(this.proof, trouble(error));
    }
  }
}

function status(audit) {
  const usage = audit.usage;
  return [
    el(
      "p.facts.num",
      {},
      el("span", {}, audit.model || "model"),
      el("span", {}, `${date(audit.created)}, ${time(audit.created)}`),
      el("span", {}, audit.finish_reason && audit.status === "completed" ? `ended by ${audit.finish_reason}` : audit.status),
      usage && el("span", {}, `${count(usage.input_tokens)} tokens in, ${count(usage.output_tokens)} out`),
      audit.emotion && el(`span.feel.feel-${audit.emotion.dominant}`, {}, `asked in ${audit.emotion.dominant}`),
    ),
    audit.error && el("div.trouble.failed", { role: "note" }, el("h3", {}, `This turn failed: ${audit.error.code}`), el("p", {}, audit.error.detail || ""), el("p", {}, FAILED[audit.error.code] ?? "What was asked is stored. Send it again, or look at Health for the model.")),
    audit.status === "open" && el("p.note", {}, "It is being answered now."),
  ];
}

function timings(stages) {
  const named = Object.entries(stages ?? {}).filter(([name]) => name !== "total");
  if (!named.length) return null;
  const most = Math.max(...named.map(([, value]) => value));
  return section(
    "Time",
    stages.total ? `${ms(stages.total)} in all` : null,
    el("dl.levels.num", {}, named.map(([name, value]) => el("div", {}, el("dt", {}, name.replaceAll("_", " ")), el("dd.bar", { vars: { "--w": value / most } }, el("span", {}, ms(value)))))),
  );
}

function section(title, beside, ...content) {
  return el("section", {}, el("header", {}, el("h3", {}, title), beside && el("span.faint.small.num", {}, beside)), content);
}
