// rules.tsx - rule groups and how their evaluations went.
import { writeAddress, emptyPanel } from "../address.ts";
import { useApi } from "../api.ts";
import type { Labels } from "../labels.ts";
import { Badge, Content, LabelList, Page, Search } from "../parts/common.tsx";
import { Link, useParameter } from "../parts/router.tsx";
import { ago, formatDuration, readableDuration } from "../time.ts";

export interface Alert { labels: Labels; annotations: Labels; state: "firing" | "pending" | "inactive"; activeAt: string; value: string; keepFiringSince?: string }
export interface Rule {
  type: "alerting" | "recording"; name: string; query: string; health: "ok" | "err" | "unknown"; lastError?: string; evaluationTime: number; lastEvaluation: string;
  labels?: Labels; annotations?: Labels; state?: Alert["state"]; duration?: number; keepFiringFor?: number; alerts?: Alert[];
}
export interface Group { name: string; file: string; rules: Rule[]; interval: number; evaluationTime: number; lastEvaluation: string }

const KINDS = { ok: "good", err: "bad", unknown: "none" } as const;
const REFRESH_MS = 15_000;

export function Expression({ text }: { text: string }) {
  return <Link to={`query${writeAddress({ panels: [{ ...emptyPanel(), expr: text }], utc: false, refresh: 0 })}`}><code>{text}</code></Link>;
}

/** How long an alert's condition must hold, and how long it goes on firing after. */
export function Waits({ rule }: { rule: Rule }) {
  const texts = [rule.duration ? `for ${formatDuration(rule.duration)}` : "", rule.keepFiringFor ? `keep firing for ${formatDuration(rule.keepFiringFor)}` : ""].filter(Boolean);
  return <span class="quietly"> {texts.join(", ")}</span>;
}

function Row({ rule }: { rule: Rule }) {
  return <tr>
    <td><b>{rule.name}</b>{rule.type === "alerting" && <> <Badge kind="none">alert</Badge></>}<Waits rule={rule} />
      <div><Expression text={rule.query} /></div>
      {rule.labels && <LabelList labels={rule.labels} />}{rule.annotations && <LabelList labels={rule.annotations} />}
      {rule.lastError && <p class="problem">{rule.lastError}</p>}</td>
    <td><Badge kind={KINDS[rule.health] ?? "none"}>{rule.health}</Badge></td>
    <td class="number">{ago(rule.lastEvaluation)}</td>
    <td class="number">{readableDuration(rule.evaluationTime)}</td>
  </tr>;
}

export function Rules() {
  const loaded = useApi<{ groups: Group[] }>("rules", {}, REFRESH_MS);
  const [text, setText] = useParameter("search");
  return <Page title="Rules" aside={<Search value={text} onChange={setText} placeholder="Filter by rule or expression" />}>
    <Content loaded={loaded} what="rules">{({ groups }) => <>
      {groups.length === 0 && <p class="note">No rules are loaded.</p>}
      {groups.map((group) => {
        const rules = group.rules.filter((rule) => `${group.name} ${rule.name} ${rule.query}`.toLowerCase().includes(text.toLowerCase()));
        return rules.length > 0 && <details class="group" open>
          <summary><h2>{group.name}</h2><span class="quietly">{group.file}, every {readableDuration(group.interval)}, took {readableDuration(group.evaluationTime)}</span></summary>
          <div class="scroll"><table><thead><tr><th scope="col">Rule</th><th scope="col">Health</th><th scope="col" class="number">Last run</th><th scope="col" class="number">Took</th></tr></thead>
            <tbody>{rules.map((rule) => <Row rule={rule} />)}</tbody></table></div>
        </details>;
      })}
    </>}</Content></Page>;
}
