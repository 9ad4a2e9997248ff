// graph.tsx - a range answer: the chart, its legend, and what was left out.
import { useEffect, useMemo, useState } from "preact/hooks";

import { get, type ExemplarSeries, type MatrixRow } from "../api.ts";
import type { Panel } from "../address.ts";
import { valueText } from "../format.ts";
import { Series, useMore } from "../parts/common.tsx";
import { Chart, type Dot } from "./chart.tsx";
import { columnsOf, heatOf, numberOf, type Columns } from "./matrix.ts";
import { lineColour, lineDash } from "./palette.ts";

export const LINES_MAX = 500;
const LEGEND_STEP = 50;
const DOTS_MAX = 2000;

function Legend({ columns, hidden, setHidden }: { columns: Columns; hidden: Set<number>; setHidden: (hidden: Set<number>) => void }) {
  const [shown, more] = useMore(LEGEND_STEP);
  const all = columns.series.map((_, i) => i);
  const choose = (index: number, isAdding: boolean) => {
    const isAlone = hidden.size === all.length - 1 && !hidden.has(index);
    if (isAdding) {
      const next = new Set(hidden);
      if (!next.delete(index)) next.add(index);
      setHidden(next.size === all.length ? new Set() : next);
    } else setHidden(isAlone ? new Set() : new Set(all.filter((other) => other !== index)));
  };
  return <>
    <ul class="legend" aria-label="Series: press to show one alone, with Ctrl to hide or add one">
      {columns.series.slice(0, shown).map(({ metric, values }, i) => {
        const last = values.reduceRight<number | null>((found, value) => found ?? value, null);
        return <li><button type="button" aria-pressed={!hidden.has(i)} title="Press: alone; with Ctrl: hide or add"
          onClick={(event) => choose(i, event.ctrlKey || event.metaKey || event.shiftKey)}>
          <svg viewBox="0 0 22 8" aria-hidden="true"><path d="M1 4H21" stroke={lineColour(i)} stroke-dasharray={lineDash(i).join(" ") || undefined} /></svg>
          <Series metric={metric} /><span class="last">{last === null ? "" : valueText(last)}</span>
        </button></li>;
      })}
    </ul>
    {more(columns.series.length)}
  </>;
}

function useExemplars(panel: Panel, start: number, end: number): Dot[] {
  const [dots, setDots] = useState<Dot[]>([]);
  useEffect(() => {
    setDots([]);
    if (!panel.exemplars) return;
    const abort = new AbortController();
    get<ExemplarSeries[]>("query_exemplars", { query: panel.expr, start, end }, abort.signal).then(({ data }) =>
      setDots(data.flatMap(({ seriesLabels, exemplars }) => exemplars.map((exemplar) => ({
        time: exemplar.timestamp, value: numberOf(exemplar.value), labels: exemplar.labels, series: seriesLabels,
      }))).slice(0, DOTS_MAX)), () => undefined);
    return () => abort.abort();
  }, [panel.exemplars, panel.expr, start, end]);
  return dots;
}

export function Graph({ rows, start, end, step, panel, utc, onZoom }: {
  rows: MatrixRow[]; start: number; end: number; step: number; panel: Panel; utc: boolean; onZoom: (from: number, to: number) => void;
}) {
  const [hidden, setHidden] = useState<Set<number>>(new Set());
  const isHeat = panel.mode === "heatmap";
  const heat = useMemo(() => (isHeat ? heatOf(rows, start, end, step) : null), [rows, isHeat]);
  const columns = useMemo(() => columnsOf(rows.slice(0, LINES_MAX), start, end, step), [rows]);
  useEffect(() => setHidden(new Set()), [columns.series.length]);
  const dots = useExemplars(panel, start, end);
  const isOnlyNative = columns.series.length === 0 && rows.some((row) => row.histograms);
  if (rows.length === 0) return <p class="note">No series: nothing matches in this range.</p>;
  if (isOnlyNative && !isHeat) return <p class="note">These are native histograms: choose Heatmap, or draw histogram_quantile(), histogram_avg() or histogram_count() of them.</p>;
  return <>
    {isHeat && !heat && <p class="note">A heatmap needs native histograms or buckets with an le label, such as sum by (le) (rate(…_bucket[5m])). Lines are drawn instead.</p>}
    {rows.length > LINES_MAX && !heat && <p class="note">The first {LINES_MAX} series are drawn; there are more. Narrow the expression, or aggregate it.</p>}
    <Chart columns={columns} heat={heat} isStacked={panel.mode === "stacked"} isZero={panel.zero} utc={utc} hidden={hidden} dots={dots} onZoom={onZoom} />
    {!heat && <Legend columns={columns} hidden={hidden} setHidden={setHidden} />}
  </>;
}
