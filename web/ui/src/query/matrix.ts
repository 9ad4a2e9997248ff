// matrix.ts - a range answer as columns for the chart.
import type { MatrixRow } from "../api.ts";
import type { Labels } from "../labels.ts";

export type Column = (number | null)[];
export interface Columns { times: number[]; series: { metric: Labels; values: Column }[] }

export function numberOf(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}

/** Every step of the range has its place; where a series has no sample, or none that can be drawn, is null. */
export function columnsOf(rows: MatrixRow[], start: number, end: number, step: number): Columns {
  const count = Math.floor((end - start) / step + 1e-6) + 1;
  const times = Array.from({ length: count }, (_, i) => start + i * step);
  const series = rows.filter((row) => row.values).map((row) => {
    const values: Column = new Array(count).fill(null);
    for (const [time, text] of row.values!) {
      const value = numberOf(text);
      const at = Math.round((time - start) / step);
      if (Number.isFinite(value) && at >= 0 && at < count) values[at] = value;
    }
    return { metric: row.metric, values };
  });
  return { times, series };
}

/** Each column on top of those before it. */
export function stack(columns: Column[]): Column[] {
  const length = columns[0]?.length ?? 0;
  const sum = new Array<number>(length).fill(0);
  return columns.map((column) => column.map((value, i) => {
    if (value === null) return null;
    sum[i]! += value;
    return sum[i]!;
  }));
}

export interface Heat { times: number[]; bounds: string[]; cells: Column[] } // cells[bound][time]; bounds are upper ones, ascending

/** Buckets with `le` hold what is below their bound; a row of the heatmap is what lies between two. */
function heatOfBuckets(rows: MatrixRow[], start: number, end: number, step: number): Heat | null {
  const byBound = new Map<number, Column>();
  const { times, series } = columnsOf(rows.filter((row) => row.metric.le !== undefined), start, end, step);
  for (const { metric, values } of series) {
    const bound = numberOf(metric.le!);
    const sum = byBound.get(bound);
    byBound.set(bound, sum ? sum.map((old, i) => (values[i] === null ? old : (old ?? 0) + values[i]!)) : values);
  }
  const bounds = [...byBound.keys()].sort((a, b) => a - b);
  if (bounds.length < 2) return null;
  const cells = bounds.map((bound, row) => byBound.get(bound)!.map((value, i) => {
    const below = row === 0 ? 0 : byBound.get(bounds[row - 1]!)![i] ?? 0;
    return value === null ? null : Math.max(value - below, 0);
  }));
  return { times, bounds: bounds.map((bound) => (bound === Infinity ? "+Inf" : String(bound))), cells };
}

function heatOfNative(rows: MatrixRow[], start: number, end: number, step: number): Heat | null {
  const { times } = columnsOf([], start, end, step);
  const byBound = new Map<number, Column>();
  for (const row of rows)
    for (const [time, histogram] of row.histograms ?? []) {
      const at = Math.round((time - start) / step);
      if (at < 0 || at >= times.length) continue;
      for (const [, , upper, count] of histogram.buckets ?? []) {
        const bound = numberOf(upper);
        if (!byBound.has(bound)) byBound.set(bound, new Array(times.length).fill(null));
        byBound.get(bound)![at] = (byBound.get(bound)![at] ?? 0) + numberOf(count);
      }
    }
  if (byBound.size === 0) return null;
  const bounds = [...byBound.keys()].sort((a, b) => a - b);
  return { times, bounds: bounds.map((bound) => String(Number(bound.toPrecision(4)))), cells: bounds.map((bound) => byBound.get(bound)!) };
}

/** null when the answer holds no histograms of either kind */
export function heatOf(rows: MatrixRow[], start: number, end: number, step: number): Heat | null {
  return heatOfNative(rows, start, end, step) ?? heatOfBuckets(rows, start, end, step);
}
