// tsdb.tsx - the database: how much there is, and which metrics, labels, pairs and jobs it comes from.
import { useApi, type QueryResult } from "../api.ts";
import { emptyPanel, writeAddress } from "../address.ts";
import { bytesText, groupDigits, shortNumber } from "../format.ts";
import { metricSelector, quote } from "../labels.ts";
import { Content, Page, useMore } from "../parts/common.tsx";
import { Link, useParameter } from "../parts/router.tsx";
import { formatTime, readableDuration } from "../time.ts";

interface Count { name: string; value: number }
interface Tsdb {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: Count[]; labelValueCountByLabelName: Count[]; memoryInBytesByLabelName: Count[]; seriesCountByLabelValuePair: Count[];
  seriesCountByJob: Count[]; neverQueriedMetricNames: Count[]; seriesCountByLabelValue?: Count[]; // the last: of the label asked for
}
interface Block {
  ulid: string; minTime: number; maxTime: number; // the end is the first millisecond behind
  stats: { numSamples: number; numSeries: number; numBytes: number }; compaction: { level: number };
}

const BLOCKS_STEP = 50;
const LIMITS = ["10", "50", "200", "1000"];

const whole = (value: number) => groupDigits(String(value));
const timeOf = (ms: number) => (Math.abs(ms) < 8.64e15 ? formatTime(ms / 1000, true) : "–");
const isPlain = (label: string) => /^[a-zA-Z_]\w*$/.test(label);

const queryLink = (expr: string, tab: "table" | "graph") =>
  `query${writeAddress({ panels: [{ ...emptyPanel(), expr, tab, range: 21600 }], utc: false, refresh: 0 })}`;

function Bars({ title, list, total, format, link }: { title: string; list: Count[]; total?: number; format: (value: number) => string; link?: (name: string) => string | null }) {
  const most = Math.max(1, ...list.map(({ value }) => value));
  return <section><h2>{title}</h2><table class="bars"><tbody>{list.map(({ name, value }) => {
    const to = link?.(name), text = name || '""';
    return <tr><td>{to ? <Link to={to}>{text}</Link> : text}<meter value={value} max={most} aria-label={`${name}: ${value}`} /></td>
      <td class="number">{format(value)}{total ? <span class="quietly"> {shortNumber(100 * value / total, 2)} %</span> : null}</td></tr>;
  })}</tbody></table>{list.length === 0 && <p class="note">Nothing yet.</p>}</section>;
}

/** Series with this pair, by metric. */
const pairLink = (label: string, value: string) => queryLink(`count by (__name__) ({${isPlain(label) ? label : quote(label)}=${quote(value)}})`, "table");

/** "job=api": the first sign of equality ends the name */
function linkOfPair(pair: string): string | null {
  const at = pair.indexOf("=");
  return at > 0 ? pairLink(pair.slice(0, at), pair.slice(at + 1)) : null;
}

/** What was new in the last hour, of each job: cheap, scrapes have counted it. */
function Grown({ limit }: { limit: string }) {
  const grown = useApi<QueryResult>("query", { query: `topk(${limit}, sum by (job) (sum_over_time(scrape_series_added[1h])))` });
  const list = (data: QueryResult): Count[] => (data.resultType === "vector" ? data.result : [])
    .map(({ metric, value }) => ({ name: metric.job ?? "", value: Number(value?.[1] ?? 0) })).sort((a, b) => b.value - a.value);
  return <Content loaded={grown} what="queries">{(data) => <Bars title="New series by job, last hour" list={list(data)} format={whole}
    link={(name) => queryLink(`sum by (instance) (scrape_series_added{job=${quote(name)}})`, "graph")} />}</Content>;
}

function Blocks() {
  const loaded = useApi<{ blocks: Block[] }>("status/tsdb/blocks");
  const [shown, more] = useMore(BLOCKS_STEP);
  return <><h2>Blocks</h2><Content loaded={loaded} what="its blocks">{({ blocks }) => blocks.length === 0 ? <p class="note">All samples are in memory and in the log: no block was cut yet.</p> : <>
    <div class="scroll"><table class="blocks">
      <thead><tr><th scope="col">Block</th><th scope="col">From (UTC)</th><th scope="col">Length</th><th scope="col" class="number">Level</th><th scope="col" class="number">Series</th><th scope="col" class="number">Samples</th><th scope="col" class="number">Size</th><th scope="col" class="number">Bytes a sample</th></tr></thead>
      <tbody>{blocks.slice(0, shown).map(({ ulid, minTime, maxTime, stats, compaction }) => <tr key={ulid}>
        <td><code>{ulid}</code></td><td>{timeOf(minTime)}</td><td>{readableDuration((maxTime - minTime) / 1000)}</td><td class="number">{compaction.level}</td>
        <td class="number">{whole(stats.numSeries)}</td><td class="number">{whole(stats.numSamples)}</td><td class="number">{bytesText(stats.numBytes)}</td>
        <td class="number">{stats.numSamples > 0 ? (stats.numBytes / stats.numSamples).toFixed(2) : ""}</td></tr>)}</tbody>
    </table></div>{more(blocks.length)}</>}</Content></>;
}

function Explorer({ data, limit, label }: { data: Tsdb; limit: string; label: string }) {
  const total = data.headStats.numSeries;
  const labelLink = (name: string) => `tsdb-status?${new URLSearchParams({ label: name, limit })}`;
  const metricLink = (name: string) => queryLink(metricSelector(name), "table");
  return <div class="columns">
    {data.seriesCountByLabelValue && <Bars title={`Series by value of ${label}`} list={data.seriesCountByLabelValue} total={total} format={whole} link={(value) => pairLink(label, value)} />}
    <Bars title="Series by metric" list={data.seriesCountByMetricName} total={total} format={whole} link={metricLink} />
    <Bars title="Values by label" list={data.labelValueCountByLabelName} format={whole} link={labelLink} />
    <Bars title="Series by label and value" list={data.seriesCountByLabelValuePair} total={total} format={whole} link={linkOfPair} />
    <Bars title="Series by job" list={data.seriesCountByJob} total={total} format={whole} link={(name) => pairLink("job", name)} />
    <Grown limit={limit} />
    <Bars title="Never queried since the start" list={data.neverQueriedMetricNames} total={total} format={whole} link={metricLink} />
    <Bars title="Memory by label" list={data.memoryInBytesByLabelName} format={bytesText} link={labelLink} />
  </div>;
}

export function TsdbStatus() {
  const [limit, setLimit] = useParameter("limit", "10");
  const [label, setLabel] = useParameter("label");
  const loaded = useApi<Tsdb>("status/tsdb", { limit, label: label || undefined });
  const aside = <><Link to={queryLink("prometheus_tsdb_head_series", "graph")}>Growth</Link>
    <label>Values of label <input type="search" value={label} onChange={(event) => setLabel(event.currentTarget.value.trim())} /></label>
    <label>Rows <select value={limit} onChange={(event) => setLimit(event.currentTarget.value)}>{[...new Set([...LIMITS, limit])].map((text) => <option>{text}</option>)}</select></label></>;
  return <Page title="Database" aside={aside}>
    <Content loaded={loaded} what="facts on its database">{(data) => {
      const { headStats: head } = data;
      const figures: [string, string][] = [["Series", whole(head.numSeries)], ["Label pairs", whole(head.numLabelPairs)],
        ["Chunks", whole(head.chunkCount)], ["Oldest in memory (UTC)", timeOf(head.minTime)], ["Newest (UTC)", timeOf(head.maxTime)]];
      return <>
        <dl class="figures">{figures.map(([name, value]) => <div><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
        <Explorer data={data} limit={limit} label={label} />
      </>;
    }}</Content>
    <Blocks />
  </Page>;
}
