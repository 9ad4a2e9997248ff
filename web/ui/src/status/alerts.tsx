// alerts.tsx - alerting rules by state, with their active alerts.
import { useApi } from "../api.ts";
import { counted } from "../format.ts";
import { Badge, Choice, Content, LabelList, Page, Search, useMore } from "../parts/common.tsx";
import { useParameter } from "../parts/router.tsx";
import { ago } from "../time.ts";
import { Expression, type Group, type Rule, Waits } from "./rules.tsx";

const KINDS = { firing: "bad", pending: "warn", inactive: "good" } as const;
const REFRESH_MS = 10_000;
const ROWS_STEP = 100;

function AlertRule({ rule }: { rule: Rule }) {
  const alerts = rule.alerts ?? [];
  const state = rule.state ?? "inactive";
  const [shown, more] = useMore(ROWS_STEP);
  return <details class="group" open={alerts.length > 0}>
    <summary><h2>{rule.name}</h2><Badge kind={KINDS[state] ?? "none"}>{state}</Badge>{alerts.length > 0 && <span class="quietly">{counted(alerts.length, "alert")}</span>}</summary>
    <p><Expression text={rule.query} /><Waits rule={rule} /> {rule.labels && <LabelList labels={rule.labels} />}</p>
    {alerts.length > 0 && <><div class="scroll"><table>
      <thead><tr><th scope="col">Labels</th><th scope="col">State</th><th scope="col" class="number">Since</th><th scope="col" class="number">Value</th></tr></thead>
      <tbody>{alerts.slice(0, shown).map((alert) => <tr>
        <td><LabelList labels={alert.labels} />{alert.annotations && <LabelList labels={alert.annotations} />}</td>
        <td><Badge kind={KINDS[alert.state] ?? "none"}>{alert.state}</Badge></td><td class="number" title={alert.activeAt}>{ago(alert.activeAt)}</td><td class="number">{alert.value}</td>
      </tr>)}</tbody></table></div>{more(alerts.length)}</>}
  </details>;
}

export function Alerts() {
  const loaded = useApi<{ groups: Group[] }>("rules", { type: "alert" }, REFRESH_MS);
  const [text, setText] = useParameter("search");
  const [state, setState] = useParameter("state", "all");
  const aside = <><Choice label="State" value={state} options={[["all", "All"], ["firing", "Firing"], ["pending", "Pending"], ["inactive", "Inactive"]]} onChange={setState} />
    <Search value={text} onChange={setText} placeholder="Filter by name or label" /></>;
  return <Page title="Alerts" aside={aside}><Content loaded={loaded} what="alerts">{({ groups }) => {
    const rules = groups.flatMap((group) => group.rules);
    const wanted = rules.filter((rule) => (state === "all" || (rule.state ?? "inactive") === state) &&
      JSON.stringify([rule.name, rule.labels, rule.alerts?.map((alert) => alert.labels)]).toLowerCase().includes(text.toLowerCase()));
    return <>{rules.length === 0 && <p class="note">No alerting rules are loaded.</p>}{wanted.map((rule) => <AlertRule rule={rule} />)}</>;
  }}</Content></Page>;
}
