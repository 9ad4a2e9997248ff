// table.tsx - an instant answer as rows.
import type { Histogram, QueryResult } from "../api.ts";
import { counted, groupDigits } from "../format.ts";
import { seriesText, type Labels } from "../labels.ts";
import { CopyButton, Series, useMore } from "../parts/common.tsx";
import { formatTime } from "../time.ts";

const ROWS_STEP = 500;
const POINTS_SHOWN = 100;

interface Row { metric: Labels; value: string }

function histogramText(histogram: Histogram): string {
  const buckets = (histogram.buckets ?? []).map(([closed, low, high, count]) =>
    `${closed === 1 || closed === 3 ? "[" : "("}${low}, ${high}${closed === 0 || closed === 3 ? "]" : ")"}: ${count}`);
  return [`count ${histogram.count}, sum ${histogram.sum}`, ...buckets].join("\n");
}

function pointsText(points: [number, string][], utc: boolean): string {
  const shown = points.slice(-POINTS_SHOWN).map(([time, value]) => `${value} @ ${formatTime(time, utc)}`);
  if (points.length > POINTS_SHOWN) shown.unshift(`… ${points.length - POINTS_SHOWN} earlier`);
  return shown.join("\n");
}

export function rowsOf(data: QueryResult, utc: boolean): Row[] {
  switch (data.resultType) {
    case "vector":
      return data.result.map(({ metric, value, histogram }) => ({ metric, value: histogram ? histogramText(histogram[1]) : value![1] }));
    case "matrix":
      return data.result.map(({ metric, values, histograms }) => ({
        metric,
        value: pointsText([...(values ?? []), ...(histograms ?? []).map(([time, h]): [number, string] => [time, histogramText(h)])], utc),
      }));
    default:
      return [{ metric: { __name__: data.resultType }, value: data.result[1] }];
  }
}

function rowsText(rows: Row[]): string {
  return rows.map(({ metric, value }) => `${seriesText(metric)}\t${value}`).join("\n");
}

export function Table({ data, utc }: { data: QueryResult; utc: boolean }) {
  const rows = rowsOf(data, utc);
  const [shown, more] = useMore(ROWS_STEP);
  if (rows.length === 0) return <p class="note">No series: nothing matches at this time.</p>;
  return <>
    <div class="tablehead"><span>{counted(rows.length, "row")}</span><CopyButton text={() => rowsText(rows)} what="all rows, separated by tabs" /></div>
    <div class="scroll"><table class="result">
      <thead><tr><th scope="col">Series</th><th scope="col" class="number">Value</th></tr></thead>
      <tbody>{rows.slice(0, shown).map(({ metric, value }) =>
        <tr><td><Series metric={metric} /></td><td class="number">{groupDigits(value)}</td></tr>)}</tbody>
    </table></div>
    {more(rows.length)}
  </>;
}
