// targets.tsx - what is scraped, how it went, and why not.
import { useApi } from "../api.ts";
import { counted } from "../format.ts";
import type { Labels } from "../labels.ts";
import { Badge, Choice, Content, LabelList, Page, Search, useMore } from "../parts/common.tsx";
import { useParameter } from "../parts/router.tsx";
import { ago, readableDuration } from "../time.ts";

export interface Target {
  discoveredLabels: Labels; labels: Labels; scrapePool: string; scrapeUrl: string; globalUrl: string; lastError: string; lastScrape: string;
  lastScrapeDuration: number; health: "up" | "down" | "unknown"; scrapeInterval: string; scrapeTimeout: string;
}
export interface Dropped { discoveredLabels: Labels; scrapePool?: string }
export interface TargetList { activeTargets: Target[]; droppedTargets: Dropped[]; droppedTargetCounts: Record<string, number> }

const REFRESH_MS = 10_000;
const ROWS_STEP = 100;
const KINDS = { up: "good", down: "bad", unknown: "none" } as const;

export function byPool<T extends { scrapePool?: string }>(list: T[]): [string, T[]][] {
  const pools = new Map<string, T[]>();
  for (const item of list) {
    const name = item.scrapePool ?? item.scrapePool ?? "";
    pools.set(name, [...(pools.get(name) ?? []), item]);
  }
  return [...pools].sort(([a], [b]) => a.localeCompare(b));
}

function Address({ url }: { url: string }) {
  const isWeb = /^https?:/i.test(url);
  return isWeb ? <a href={url} rel="noreferrer">{url}</a> : <>{url}</>;
}

function Row({ target }: { target: Target }) {
  return <>
    <tr>
      <td><Address url={target.scrapeUrl} /></td>
      <td><Badge kind={KINDS[target.health] ?? "none"}>{target.health}</Badge></td>
      <td><LabelList labels={target.labels} />
        <details><summary>Before relabelling</summary><LabelList labels={target.discoveredLabels} /></details></td>
      <td class="number">{ago(target.lastScrape)}</td>
      <td class="number">{readableDuration(target.lastScrapeDuration)}</td>
      <td class="number">{target.scrapeInterval}</td>
    </tr>
    {target.lastError && <tr class="error"><td colSpan={6}><p class="problem">{target.lastError}</p></td></tr>}
  </>;
}

function Pool({ name, targets, all }: { name: string; targets: Target[]; all: Target[] }) {
  const [shown, more] = useMore(ROWS_STEP);
  const up = all.filter((target) => target.health === "up").length;
  return <details class="group" open>
    <summary><h2>{name}</h2><Badge kind={up === all.length ? "good" : up === 0 ? "bad" : "warn"}>{up} of {all.length} up</Badge></summary>
    <div class="scroll"><table>
      <thead><tr><th scope="col">Endpoint</th><th scope="col">State</th><th scope="col">Labels</th><th scope="col" class="number">Last scrape</th><th scope="col" class="number">Took</th><th scope="col" class="number">Interval</th></tr></thead>
      <tbody>{targets.slice(0, shown).map((target) => <Row target={target} />)}</tbody>
    </table></div>{more(targets.length)}
  </details>;
}

const contains = (target: Target, text: string) =>
  [target.scrapeUrl, target.lastError, ...Object.entries(target.labels).map(([name, value]) => `${name}=${value}`)]
    .some((part) => part.toLowerCase().includes(text.toLowerCase()));

export function Targets() {
  const loaded = useApi<TargetList>("targets", { state: "active" }, REFRESH_MS);
  const [text, setText] = useParameter("search");
  const [health, setHealth] = useParameter("state", "all");
  const aside = <><Choice label="State" value={health} options={[["all", "All"], ["up", "Up"], ["down", "Down"], ["unknown", "Unknown"]]} onChange={setHealth} />
    <Search value={text} onChange={setText} placeholder="Filter by endpoint, label or error" /></>;
  return <Page title="Targets" aside={aside}><Content loaded={loaded} what="targets">{({ activeTargets }) => {
    const wanted = new Set(activeTargets.filter((target) => (health === "all" || target.health === health) && contains(target, text)));
    const pools = byPool(activeTargets).map(([name, all]) => ({ name, all, targets: all.filter((target) => wanted.has(target)) })).filter(({ targets }) => targets.length > 0);
    return <>
      <p class="summary" role="status">{counted(wanted.size, "target")} of {activeTargets.length}</p>
      {pools.map(({ name, all, targets }) => <Pool key={name} name={name} all={all} targets={targets} />)}
      {activeTargets.length === 0 && <p class="note">Nothing is scraped: the configuration has no targets.</p>}
    </>;
  }}</Content></Page>;
}
