/** Histograms in Prometheus' text, read: how many, how long in the mean, and below what 95 of 100 stay. */

/**
 * @param {string} exposition
 * @param {string} name of the histogram
 * @param {string} label whose values tell its series apart
 * @returns {{name: string, count: number, mean: number, p95: number}[]} in seconds, in the order they are told
 */
export function histograms(exposition, name, label) {
  const series = new Map();
  const of = (labels) => {
    const value = new RegExp(`${label}="([^"]*)"`).exec(labels)?.[1] ?? "";
    if (!series.has(value)) series.set(value, { buckets: [], sum: 0, count: 0 });
    return series.get(value);
  };
  for (const line of exposition.split("\n")) {
    const [, kind, labels, number] = new RegExp(`^${name}_(bucket|sum|count)\\{([^}]*)\\} (\\S+)`).exec(line) ?? [];
    if (kind === "bucket") of(labels).buckets.push([bound(labels), Number(number)]);
    else if (kind) of(labels)[kind] = Number(number);
  }
  return [...series]
    .filter(([, one]) => one.count > 0)
    .map(([value, one]) => ({ name: value, count: one.count, mean: one.sum / one.count, p95: quantile(one, 0.95) }));
}

const bound = (labels) => Number((/le="([^"]*)"/.exec(labels)?.[1] ?? "").replace("+Inf", "Infinity"));

/** As Prometheus does it: evenly spread within the bucket. */
function quantile({ buckets, count }, share) {
  const wanted = share * count;
  let low = 0;
  let below = 0;
  for (const [high, upto] of buckets) {
    if (upto >= wanted) return Number.isFinite(high) ? low + ((high - low) * (wanted - below)) / Math.max(upto - below, 1e-9) : low;
    low = high;
    below = upto;
  }
  return low;
}
