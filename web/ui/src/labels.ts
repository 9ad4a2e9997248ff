// labels.ts - series as text.

export type Labels = Record<string, string>;

const PLAIN_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const PLAIN_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function quote(text: string): string {
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

/** up{job="a"}, {"metric with blanks", job="a"}, {} - as PromQL takes it. */
export function seriesText(metric: Labels): string {
  const name = metric.__name__;
  const pairs = Object.keys(metric).filter((key) => key !== "__name__")
    .map((key) => `${PLAIN_LABEL.test(key) ? key : quote(key)}=${quote(metric[key]!)}`);
  if (name !== undefined && !PLAIN_METRIC.test(name)) return `{${[quote(name), ...pairs].join(", ")}}`;
  return `${name ?? ""}${pairs.length > 0 || name === undefined ? `{${pairs.join(", ")}}` : ""}`;
}

/** A selector of every series of a metric. */
export function metricSelector(name: string): string {
  return PLAIN_METRIC.test(name) ? name : `{${quote(name)}}`;
}
