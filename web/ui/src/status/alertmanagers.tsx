// alertmanagers.tsx - who is told of alerts, and how that goes, by the server's own metrics.
import { useApi } from "../api.ts";
import { groupDigits } from "../format.ts";
import { Badge, Content, Page } from "../parts/common.tsx";

interface Known { activeAlertmanagers: { url: string }[]; droppedAlertmanagers: { url: string }[] }
interface Family { name: string; metric: { label?: { name: string; value: string }[]; counter?: { value: number }; gauge?: { value: number } }[] }

const REFRESH_MS = 10_000;
const PREFIX = "prometheus_notifications_";
const FIGURES: [string, string][] = [["sent_total", "Alerts sent"], ["errors_total", "Not taken"], ["dropped_total", "Given up"], ["queue_length", "Waiting"]];

function figureOf(families: Family[] | undefined, name: string, url: string): string {
  const metric = families?.find((family) => family.name === PREFIX + name)?.metric
    .find(({ label }) => label?.some((pair) => pair.name === "alertmanager" && pair.value === url));
  const value = metric?.counter?.value ?? metric?.gauge?.value;
  return value === undefined ? "" : groupDigits(String(value));
}

export function Alertmanagers() {
  const loaded = useApi<Known>("alertmanagers", {}, REFRESH_MS);
  const figures = useApi<Family[]>("status/self_metrics", { metric_name_pattern: `${PREFIX}(${FIGURES.map(([name]) => name).join("|")})` }, REFRESH_MS).answer?.data;
  return <Page title="Alertmanagers"><Content loaded={loaded} what="Alertmanagers">{({ activeAlertmanagers, droppedAlertmanagers }) => {
    const all = [...activeAlertmanagers.map(({ url }) => ({ url, isActive: true })), ...droppedAlertmanagers.map(({ url }) => ({ url, isActive: false }))];
    return all.length === 0 ? <p class="note">No Alertmanager is known.</p> : <div class="scroll"><table>
      <thead><tr><th scope="col">Endpoint</th><th scope="col">State</th>{FIGURES.map(([, title]) => <th scope="col" class="number">{title}</th>)}</tr></thead>
      <tbody>{all.map(({ url, isActive }) => <tr><td><code>{url}</code></td><td>{isActive ? <Badge kind="good">active</Badge> : <Badge kind="warn">dropped</Badge>}</td>
        {FIGURES.map(([name]) => <td class="number">{figureOf(figures, name, url)}</td>)}</tr>)}</tbody></table></div>;
  }}</Content></Page>;
}
