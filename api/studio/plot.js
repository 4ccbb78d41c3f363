/** The plot of feelings, drawn by uPlot: points in their feelings' colours, the mood as a line, importance as bars. */

import { FEELINGS } from "./format.js";
import uPlot from "./vendor/uPlot.esm.js";

const HEIGHT = 340;
const POINTS = 150;
/** Of the mood's line, that can be told apart. */
const BARS = 44;
/** Pixels at the bottom that importance has. */

/**
 * @param {HTMLElement} box
 * @param {any[]} felt readings in the order of their messages
 * @param {{look: (index: number) => void, open: (index: number) => void}} told
 */
export function moodPlot(box, felt, { look, open }) {
  stylesheet();
  const data = [felt.map((_, index) => index + 1), felt.map((one) => one.valence), evened(felt.map((one) => one.mood.valence))];
  let colours = palette();
  const axis = () => ({ stroke: () => colours.soft, grid: { stroke: () => colours.rule, width: 1 }, ticks: { show: false }, font: `12px ${colours.sans}` });
  const plot = new uPlot(
    {
      width: box.clientWidth || 800,
      height: HEIGHT,
      legend: { show: false },
      scales: { x: { time: false, range: (_, low, high) => [Math.min(low, high - 1) - 0.5, high + 0.5] }, y: { range: [-1.55, 1.05] } },
      axes: [
        { ...axis(), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000], grid: { show: false } },
        { ...axis(), size: 78, splits: () => [-1, -0.5, 0, 0.5, 1], values: () => ["unpleasant", "", "even", "", "pleasant"] },
      ],
      series: [{}, { label: "valence", paths: () => null, points: { show: false } }, { label: "mood", stroke: () => colours.ink, width: 1.5, points: { show: false } }],
      cursor: { y: false, drag: { x: true, y: false }, points: { show: false } },
      hooks: {
        draw: [(made) => drawMessages(made, felt, colours)],
        setCursor: [(made) => made.cursor.idx !== null && made.cursor.idx !== undefined && made.cursor.left >= 0 && look(made.cursor.idx)],
      },
    },
    data,
    box,
  );
  let pressed = 0;
  plot.over.addEventListener("mousedown", (event) => (pressed = event.clientX));
  plot.over.addEventListener("click", (event) => Math.abs(event.clientX - pressed) < 4 && plot.cursor.idx !== null && open(plot.cursor.idx));

  const sized = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: HEIGHT }));
  sized.observe(box);
  const recolour = () => {
    colours = palette();
    plot.redraw(false);
  };
  document.addEventListener("themed", recolour);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", recolour);
  return {
    /** Puts the cursor on a reading. */
    point: (index) => plot.setCursor({ left: plot.valToPos(index + 1, "x"), top: 10 }, false),
    end() {
      sized.disconnect();
      document.removeEventListener("themed", recolour);
      scheme.removeEventListener("change", recolour);
      plot.destroy();
    },
  };
}

/** A line of so many points would be a block: each becomes the mean of those around it. */
function evened(values) {
  const around = Math.floor(values.length / POINTS);
  let sum = 0;
  const sums = [0, ...values.map((value) => (sum += value))];
  return values.map((_, index) => {
    const from = Math.max(0, index - around);
    const until = Math.min(values.length, index + around + 1);
    return (sums[until] - sums[from]) / (until - from);
  });
}

function drawMessages(plot, felt, colours) {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  const low = Math.max(0, Math.floor(plot.scales.x.min) - 1);
  const high = Math.min(felt.length, Math.ceil(plot.scales.x.max) + 1);
  const radius = Math.max(1.6, Math.min(4.5, (bbox.width / (high - low) / scale) * 0.35)) * scale;
  const width = Math.max(1, Math.min(6, (bbox.width / (high - low) / scale) * 0.5)) * scale;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (let index = low; index < high; index++) {
    const one = felt[index];
    const x = plot.valToPos(index + 1, "x", true);
    ctx.fillStyle = colours[one.dominant] ?? colours.neutral;
    const tall = (BARS * scale * (one.importance - 0.4)) / 0.6;
    ctx.globalAlpha = 0.55;
    ctx.fillRect(x - width / 2, bbox.top + bbox.height - tall, width, tall);
    ctx.globalAlpha = 1;
    ctx.beginPath();
    ctx.arc(x, plot.valToPos(one.valence, "y", true), one.dominant === "neutral" ? radius * 0.75 : radius, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.restore();
}

function palette() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const resolved = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = Object.fromEntries(["ink", "soft", "rule", ...FEELINGS].map((name) => [name, resolved(name)]));
  probe.remove();
  return { ...colours, sans: getComputedStyle(document.body).fontFamily };
}

function stylesheet() {
  const href = new URL("vendor/uPlot.min.css", import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return;
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  document.head.append(link);
}
