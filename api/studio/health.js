/** How the server is: its parts, how long the stages of a turn take, what was used and what that cost a day. */

import { get, text } from "./api.js";
import { el, fill } from "./dom.js";
import { ago, count, many, money, ms } from "./format.js";
import { histograms } from "./histograms.js";
import { attempt, trouble } from "./trouble.js";

const AGAIN_MS = 3000;
const DAYS = 30;

export function page(main) {
  const state = el("div");
  const stages = el("div");
  const spent = el("div");
  fill(main, el("div.sheet.health", {}, el("a.home", { href: "#/" }, "All sessions"), el("h1", {}, "Health"), state, el("section", {}, el("h2", {}, "Where a turn's time goes"), stages), el("section", {}, el("h2", {}, "Used, a day"), spent)));

  async function read() {
    await attempt(state, async () => {
      const health = await get("health").catch((error) => {
        if (error.status === 503 && error.told?.status) return error.told;
        throw error;
      });
      fill(state, told(health));
    });
    await attempt(stages, async () => fill(stages, timesOf(histograms(await text("metrics"), "heartline_turn_stage_seconds", "stage"))));
    await attempt(spent, async () => fill(spent, usageOf((await get(`usage?days=${DAYS}`)).data)));
  }

  let waiting = 0;
  async function again() {
    await read().catch((error) => fill(state, trouble(error)));
    waiting = setTimeout(again, AGAIN_MS);
  }
  return {
    show: () => (waiting ? undefined : again()),
    leave: () => clearTimeout(waiting),
  };
}

function told(health) {
  const { model, views, log, embedder, aftercare, disk } = health;
  const rows = [
    ["Language model", model && `${model.default} (${model.provider})`, model?.last_failure ? `failed: ${model.last_failure.error ?? JSON.stringify(model.last_failure)}` : model?.last_answer ? `answered ${ago(model.last_answer)}` : "not asked yet"],
    ["Event log", log && `position ${count(log.position)}`, log?.error ?? "readable and writable"],
    ["Views", views && `${many(views.lag ?? 0, "event")} behind`, views?.error ?? (views?.running ? "running" : "stopped")],
    ["Embedding model", embedder?.id, embedder?.error ?? "well"],
    ["Emotions", health.detector, ""],
    ["Behind the turns", aftercare && `${many(aftercare.waiting, "session")} waiting`, aftercare?.running ? "running" : "stopped"],
    ["Disk", disk && disk.free_bytes !== null && `${count(Math.round(disk.free_bytes / 2 ** 30))} GiB free`, ""],
    ["Sessions in memory", count(health.sessions_warm), health.version && `Heartline ${health.version}, up ${uptime(health.uptime_seconds)}`],
  ];
  return [
    el(`p.state-${health.status}`, {}, el("b", {}, { ok: "All is well.", degraded: "It serves, with less.", unavailable: "It cannot serve." }[health.status] ?? health.status)),
    health.reasons?.map((reason) => el("p.note", {}, reason)),
    table("Parts of the server", el("tbody", {}, rows.filter(([, what]) => what).map(([name, what, how]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, what), el("td.faint", {}, how))))),
  ];
}

function timesOf(stages) {
  if (!stages.length) return el("p.faint", {}, "No turn since the server was started.");
  const most = Math.max(...stages.map((one) => one.p95));
  return table(
    "Stages of a turn",
    el("thead", {}, el("tr", {}, ["Stage", "Turns", "Mean", "95 of 100 below"].map((name, at) => el(at ? "th.n" : "th", { scope: "col" }, name)), el("th", { scope: "col" }, el("span.unseen", {}, "As a bar")))),
    el(
      "tbody",
      {},
      stages.map((one) => el("tr", {}, el("th", { scope: "row" }, one.name.replaceAll("_", " ")), el("td.n", {}, count(one.count)), el("td.n", {}, ms(1000 * one.mean)), el("td.n", {}, ms(1000 * one.p95)), el("td.wide", {}, el("div.bar", { vars: { "--w": one.p95 / most } })))),
    ),
  );
}

function usageOf(days) {
  if (!days.length) return el("p.faint", {}, "No reply in the last thirty days.");
  const tokens = (day) => day.input_tokens + day.output_tokens;
  const most = Math.max(...days.map(tokens));
  const by = new Map(days.map((day) => [day.date, tokens(day)]));
  const dates = Array.from({ length: DAYS }, (_, number) => new Date(Date.now() - (DAYS - 1 - number) * 86_400_000).toISOString().slice(0, 10));
  return [
    el("div.spark", { role: "img", "aria-label": `Tokens a day over the last ${DAYS} days` }, dates.map((date) => el(by.has(date) ? "span" : "span.none", { vars: { "--h": (by.get(date) ?? 0) / most }, title: `${date}: ${count(by.get(date))} tokens` }))),
    table(
      "Usage by day",
      el("thead", {}, el("tr", {}, ["Day (UTC)", "Replies", "Tokens in", "Tokens out", "Cost"].map((name, at) => el(at ? "th.n" : "th", { scope: "col" }, name)))),
      el("tbody", {}, [...days].reverse().map((day) => el("tr", {}, el("th", { scope: "row" }, day.date), [day.replies, day.input_tokens, day.output_tokens].map((number) => el("td.n", {}, count(number))), el("td.n", {}, money(day.estimated_cost_usd))))),
    ),
  ];
}

/** A table that scrolls by itself where the page is too narrow for it, by the keys too. */
const table = (label, ...parts) => el("div.scrolling", { tabindex: 0, role: "region", "aria-label": label }, el("table", { "aria-label": label }, parts));

function uptime(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
