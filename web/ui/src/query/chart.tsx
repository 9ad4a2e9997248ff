// chart.tsx - uPlot as a component: lines, stacked areas or a heatmap, exemplars as dots, drag to zoom.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { shortNumber, valueText } from "../format.ts";
import { seriesText, type Labels } from "../labels.ts";
import { formatTime } from "../time.ts";
import { stack, type Columns, type Heat } from "./matrix.ts";
import { heatColour, lineColour, lineDash } from "./palette.ts";

export interface Dot { time: number; value: number; labels: Labels; series: Labels }

export interface ChartProps {
  columns: Columns;
  heat: Heat | null; // drawn in place of lines
  isStacked: boolean;
  isZero: boolean;
  utc: boolean;
  hidden: Set<number>;
  dots: Dot[];
  onZoom: (from: number, to: number) => void;
}

const HEIGHT = 340;
const DOT_RADIUS = 4;

/** For tests and the browser's console: the chart of an element with class "chart". */
export type ChartElement = HTMLDivElement & { chart?: uPlot };

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function axes(props: ChartProps): uPlot.Axis[] {
  const common: uPlot.Axis = {
    stroke: colour("--quiet"), font: `12px ${colour("--sans")}`,
    grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1, size: 5 },
  };
  const bounds = props.heat?.bounds;
  return [{ ...common, values: (_chart, at, _axis, _space, step) => timeTexts(at, step, props.utc) }, {
    ...common,
    size: (_chart, values) => 16 + 7 * Math.max(4, ...(values ?? []).map((text) => text.length)),
    ...(bounds
      ? { splits: () => heatSplits(bounds.length), values: (_chart: uPlot, at: number[]) => at.map((row) => bounds[Math.round(row) - 1] ?? "") }
      : { values: (_chart: uPlot, at: number[]) => axisTexts(at) }),
  }];
}

/** 18:05, with the date below where a day begins or the axis does. */
function timeTexts(at: number[], step: number, utc: boolean): string[] {
  let day = "";
  return at.map((seconds) => {
    const text = formatTime(seconds, utc);
    const date = text.slice(0, 10), time = text.slice(11, step < 60 ? 19 : 16);
    const isNew = date !== day;
    day = date;
    if (step >= 86400) return date.slice(5);
    return isNew ? `${time}\n${date}` : time;
  });
}

function heatSplits(count: number): number[] {
  const every = Math.max(1, Math.ceil(count / 12));
  return Array.from({ length: Math.floor(count / every) }, (_, i) => (i + 1) * every);
}

/** As many digits as neighbours need to differ. */
function axisTexts(at: number[]): string[] {
  for (let digits = 3; digits <= 12; digits++) {
    const texts = at.map((value) => shortNumber(value, digits));
    if (new Set(texts).size === texts.length) return texts;
  }
  return at.map(String);
}

function drawHeat(chart: uPlot, heat: Heat): void {
  const { ctx } = chart;
  const most = Math.max(...heat.cells.map((row) => row.reduce<number>((max, value) => Math.max(max, value ?? 0), 0)));
  if (most <= 0) return;
  const step = heat.times.length > 1 ? heat.times[1]! - heat.times[0]! : 1;
  ctx.save();
  ctx.beginPath();
  ctx.rect(chart.bbox.left, chart.bbox.top, chart.bbox.width, chart.bbox.height);
  ctx.clip();
  heat.cells.forEach((row, bound) => {
    const bottom = chart.valToPos(bound, "y", true), top = chart.valToPos(bound + 1, "y", true);
    row.forEach((value, i) => {
      if (!value) return;
      const left = chart.valToPos(heat.times[i]! - step / 2, "x", true), right = chart.valToPos(heat.times[i]! + step / 2, "x", true);
      ctx.fillStyle = heatColour(Math.sqrt(value / most));
      ctx.fillRect(Math.floor(left), Math.floor(top), Math.ceil(right - left), Math.ceil(bottom - top));
    });
  });
  ctx.restore();
}

/** Where a dot stands, on the canvas; one above or below the axis stays at its edge. */
function dotPlace(chart: uPlot, dot: Dot): [number, number] {
  const { min, max } = chart.scales.y!;
  return [chart.valToPos(dot.time, "x", true), chart.valToPos(Math.min(Math.max(dot.value, min!), max!), "y", true)];
}

function drawDots(chart: uPlot, dots: Dot[]): void {
  const { ctx } = chart;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.fillStyle = colour("--accent");
  ctx.strokeStyle = colour("--raised");
  ctx.lineWidth = ratio;
  for (const dot of dots) {
    const [x, y] = dotPlace(chart, dot);
    ctx.beginPath();
    ctx.moveTo(x, y - DOT_RADIUS * ratio);
    ctx.lineTo(x + DOT_RADIUS * ratio, y);
    ctx.lineTo(x, y + DOT_RADIUS * ratio);
    ctx.lineTo(x - DOT_RADIUS * ratio, y);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

function dataOf(props: ChartProps): uPlot.AlignedData {
  const { columns, heat } = props;
  if (heat) return [heat.times, heat.times.map(() => null)];
  const shown = columns.series.map(({ values }, i) => (props.hidden.has(i) ? values.map(() => null) : values));
  return [columns.times, ...(props.isStacked ? stack(shown) : shown)] as uPlot.AlignedData;
}

function seriesOf(props: ChartProps): uPlot.Series[] {
  if (props.heat) return [{}, { show: false }];
  return [{}, ...props.columns.series.map((_, i): uPlot.Series => ({
    show: !props.hidden.has(i),
    stroke: lineColour(i), dash: lineDash(i), width: 1.5, spanGaps: false,
    fill: props.isStacked && i === 0 ? `${lineColour(i)}40` : undefined,
    points: { show: (chart, index) => isAlone(chart.data[index] as (number | null)[]), size: 5, fill: lineColour(i) },
  }))];
}

/** A line of single samples would not be seen. */
function isAlone(values: (number | null)[]): boolean {
  return !values.some((value, i) => value !== null && i > 0 && values[i - 1] !== null);
}

function bandsOf(props: ChartProps): uPlot.Band[] {
  if (!props.isStacked || props.heat) return [];
  const shown = props.columns.series.map((_, i) => i).filter((i) => !props.hidden.has(i));
  return shown.slice(1).map((i, at) => ({ series: [i + 1, shown[at]! + 1] as [number, number], fill: `${lineColour(i)}40` }));
}

function yRange(props: ChartProps): uPlot.Scale.Range {
  const { heat } = props;
  if (heat) return [0, heat.bounds.length];
  return (_chart, min, max) => {
    if (min === null || max === null) return [0, 1];
    if (props.isZero || props.isStacked) [min, max] = [Math.min(min, 0), Math.max(max, 0)];
    const room = max > min ? (max - min) * 0.06 : Math.abs(max) * 0.1 || 1;
    return [min === 0 && (props.isZero || props.isStacked) ? 0 : min - room, max === 0 && props.isZero ? 0 : max + room];
  };
}

// ---- what is under the pointer ----

const NEAR = 40; // pixels

function nearestDot(chart: uPlot, dots: Dot[]): Dot | null {
  const ratio = devicePixelRatio;
  const left = chart.cursor.left! * ratio + chart.bbox.left, top = chart.cursor.top! * ratio + chart.bbox.top;
  return dots.find((dot) => {
    const [x, y] = dotPlace(chart, dot);
    return Math.abs(x - left) <= 7 * ratio && Math.abs(y - top) <= 7 * ratio;
  }) ?? null;
}

function nearestLine(chart: uPlot, props: ChartProps): [number, number] | null {
  const { idx, top } = chart.cursor;
  if (idx === null || idx === undefined || top === undefined) return null;
  let best: [number, number] | null = null, distance = NEAR;
  for (let i = 1; i < chart.data.length; i++) {
    const value = chart.data[i]![idx];
    if (value === null || value === undefined || props.hidden.has(i - 1)) continue;
    const away = Math.abs(chart.valToPos(value, "y") - top);
    if (away < distance) [best, distance] = [[i - 1, idx], away];
  }
  return best;
}

function tipText(chart: uPlot, props: ChartProps): string[] | null {
  const { idx, top } = chart.cursor;
  if (idx === null || idx === undefined || top === undefined || top < 0) return null;
  const dot = nearestDot(chart, props.dots);
  if (dot) return [formatTime(dot.time, props.utc), `Exemplar ${valueText(dot.value)}`, seriesText(dot.labels), seriesText(dot.series)];
  if (props.heat) {
    const row = Math.floor(chart.posToVal(top, "y"));
    const value = props.heat.cells[row]?.[idx];
    if (value === null || value === undefined) return null;
    return [formatTime(props.heat.times[idx]!, props.utc), valueText(value), `${props.heat.bounds[row - 1] ?? "…"} < x ≤ ${props.heat.bounds[row]}`];
  }
  const near = nearestLine(chart, props);
  if (!near) return null;
  const { metric, values } = props.columns.series[near[0]]!;
  return [formatTime(props.columns.times[near[1]]!, props.utc), valueText(values[near[1]]!), seriesText(metric)];
}

function showTip(tip: HTMLDivElement, chart: uPlot, props: ChartProps): void {
  const lines = tipText(chart, props);
  tip.hidden = lines === null;
  if (!lines) return;
  tip.replaceChildren(...lines.map((text) => {
    const line = document.createElement("div");
    line.textContent = text;
    return line;
  }));
  const left = chart.cursor.left! + chart.bbox.left / devicePixelRatio;
  const isRight = left > chart.width / 2;
  tip.style.left = isRight ? "auto" : `${left + 14}px`;
  tip.style.right = isRight ? `${chart.width - left + 14}px` : "auto";
  tip.style.top = `${Math.max(chart.cursor.top! - 20, 0)}px`;
}

function create(element: ChartElement, tip: HTMLDivElement, props: () => ChartProps): uPlot {
  const first = props();
  return new uPlot({
    width: Math.max(element.clientWidth, 200), height: HEIGHT, padding: [10, 12, 0, 0],
    tzDate: (seconds) => (first.utc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
    legend: { show: false }, axes: axes(first), series: seriesOf(first), bands: bandsOf(first),
    scales: { x: { time: true }, y: { range: yRange(first) } },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 }, focus: { prox: -1 } },
    hooks: {
      drawAxes: [(chart) => { if (first.heat) drawHeat(chart, first.heat); }],
      draw: [(chart) => { drawDots(chart, props().dots); performance.mark("graph-drawn"); }],
      setCursor: [(chart) => showTip(tip, chart, props())],
      setSelect: [(chart) => {
        if (chart.select.width < 4) return;
        const from = chart.posToVal(chart.select.left, "x"), to = chart.posToVal(chart.select.left + chart.select.width, "x");
        chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        props().onZoom(from, to);
      }],
    },
  }, dataOf(first), element);
}

export function Chart(props: ChartProps) {
  const element = useRef<ChartElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const { columns, heat, isStacked, isZero, utc, hidden, dots } = props;
  useEffect(() => {
    const host = element.current!;
    const build = () => {
      host.chart?.destroy();
      host.chart = create(host, tip.current!, () => latest.current);
    };
    build();
    const resized = new ResizeObserver(() => {
      if (host.chart && host.clientWidth > 0 && host.clientWidth !== host.chart.width) host.chart.setSize({ width: host.clientWidth, height: HEIGHT });
    });
    resized.observe(host);
    window.addEventListener("themechange", build);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", build);
    return () => {
      resized.disconnect();
      window.removeEventListener("themechange", build);
      scheme.removeEventListener("change", build);
      host.chart?.destroy();
      host.chart = undefined;
    };
  }, [columns, heat, isStacked, isZero, utc, hidden]);
  useEffect(() => element.current?.chart?.redraw(false), [dots]);
  return <div class="chart" ref={element} role="img" aria-label={heat ? "Heatmap" : `Graph of ${columns.series.length} series`}>
    <div class="tip" ref={tip} hidden />
  </div>;
}
