// tsdb.tsx - the database: how much there is, and which metrics, labels, pairs and jobs it comes from.
import { useApi, type QueryResult } from "../api.ts";
import { emptyPanel, writeAddress } from "../address.ts";
import { bytesText, groupDigits, shortNumber } from "../format.ts";
import { metricSelector, quote } from "../labels.ts";
import { Content, Page } from "../parts/common.tsx";
import { Link, useParameter } from "../parts/router.tsx";
import { formatTime } from "../time.ts";

interface Count { name: string; value: number }
interface Tsdb {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: Count[]; labelValueCountByLabelName: Count[]; memoryInBytesByLabelName: Count[]; seriesCountByLabelValuePair: Count[];
}

const LIMITS = ["10", "50", "200", "1000"];

const queryLink = (expr: string, tab: "table" | "graph") =>
  `query${writeAddress({ panels: [{ ...emptyPanel(), expr, tab, range: 21600 }], utc: false, refresh: 0 })}`;

function Bars({ title, list, total, format, link }: { title: string; list: Count[]; total?: number; format: (value: number) => string; link?: (name: string) => string | null }) {
  const most = Math.max(1, ...list.map(({ value }) => value));
  return <section><h2>{title}</h2><table class="bars"><tbody>{list.map(({ name, value }) => {
    const to = link?.(name);
    return <tr><td>{to ? <Link to={to}>{name}</Link> : name}<meter value={value} max={most} aria-label={`${name}: ${value}`} /></td>
      <td class="number">{format(value)}{total ? <span class="quietly"> {shortNumber(100 * value / total, 2)} %</span> : null}</td></tr>;
  })}</tbody></table>{list.length === 0 && <p class="note">Nothing yet.</p>}</section>;
}

/** "job=api" -> {job="api"}; the first sign of equality ends the name */
function pairSelector(pair: string): string | null {
  const at = pair.indexOf("=");
  return at > 0 && /^[a-zA-Z_]\w*$/.test(pair.slice(0, at)) ? `count by (__name__) ({${pair.slice(0, at)}=${quote(pair.slice(at + 1))}})` : null;
}

/** What each job's last scrapes kept, and what was new in the last hour: cheap, both are series of their own. */
function Jobs({ limit }: { limit: string }) {
  const kept = useApi<QueryResult>("query", { query: `topk(${limit}, sum by (job) (scrape_samples_post_metric_relabeling))` });
  const grown = useApi<QueryResult>("query", { query: `topk(${limit}, sum by (job) (sum_over_time(scrape_series_added[1h])))` });
  const list = (data: QueryResult): Count[] => (data.resultType === "vector" ? data.result : [])
    .map(({ metric, value }) => ({ name: metric.job ?? "", value: Number(value?.[1] ?? 0) })).sort((a, b) => b.value - a.value);
  const link = (name: string) => queryLink(`count by (__name__) ({job=${quote(name)}})`, "table");
  return <>
    <Content loaded={kept} what="queries">{(data) => <Bars title="Series by job" list={list(data)} format={(value) => groupDigits(String(value))} link={link} />}</Content>
    <Content loaded={grown} what="queries">{(data) => <Bars title="New series by job, last hour" list={list(data)} format={(value) => groupDigits(String(value))}
      link={(name) => queryLink(`sum by (instance) (scrape_series_added{job=${quote(name)}})`, "graph")} />}</Content>
  </>;
}

export function TsdbStatus() {
  const [limit, setLimit] = useParameter("limit", "10");
  const loaded = useApi<Tsdb>("status/tsdb", { limit });
  const aside = <><Link to={queryLink("prometheus_tsdb_head_series", "graph")}>Growth</Link>
    <label>Rows <select value={limit} onChange={(event) => setLimit(event.currentTarget.value)}>{[...new Set([...LIMITS, limit])].map((text) => <option>{text}</option>)}</select></label></>;
  return <Page title="Database" aside={aside}><Content loaded={loaded} what="facts on its database">{(data) => {
    const { headStats: head } = data;
    const time = (ms: number) => (Math.abs(ms) < 8.64e15 ? formatTime(ms / 1000, true) : "–");
    const figures: [string, string][] = [["Series", groupDigits(String(head.numSeries))], ["Label pairs", groupDigits(String(head.numLabelPairs))],
      ["Chunks", groupDigits(String(head.chunkCount))], ["Oldest in memory (UTC)", time(head.minTime)], ["Newest (UTC)", time(head.maxTime)]];
    return <>
      <dl class="figures">{figures.map(([name, value]) => <div><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      <div class="columns">
        <Bars title="Series by metric" list={data.seriesCountByMetricName} total={head.numSeries} format={(value) => groupDigits(String(value))} link={(name) => queryLink(metricSelector(name), "table")} />
        <Bars title="Values by label" list={data.labelValueCountByLabelName} format={(value) => groupDigits(String(value))}
          link={(name) => (/^[a-zA-Z_]\w*$/.test(name) ? queryLink(`topk(${limit}, count by (${name}) ({${name}!=""}))`, "table") : null)} />
        <Bars title="Series by label and value" list={data.seriesCountByLabelValuePair} total={head.numSeries} format={(value) => groupDigits(String(value))}
          link={(pair) => { const query = pairSelector(pair); return query && queryLink(query, "table"); }} />
        <Bars title="Memory by label" list={data.memoryInBytesByLabelName} format={bytesText} />
        <Jobs limit={limit} />
      </div>
    </>;
  }}</Content></Page>;
}
