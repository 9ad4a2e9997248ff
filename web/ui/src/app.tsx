// app.tsx - the frame around the pages.
import { useState } from "preact/hooks";

import { Notifications } from "./parts/notifications.tsx";
import { Link, pageName, useAddress } from "./parts/router.tsx";
import { QueryPage } from "./query/page.tsx";
import { applyTheme, readTheme, type Theme } from "./settings.ts";
import { Alerts } from "./status/alerts.tsx";
import { Alertmanagers } from "./status/alertmanagers.tsx";
import { Config, Flags, Status } from "./status/server.tsx";
import { Discovery } from "./status/discovery.tsx";
import { Queries } from "./status/queries.tsx";
import { Rules } from "./status/rules.tsx";
import { Targets } from "./status/targets.tsx";
import { TsdbStatus } from "./status/tsdb.tsx";

const PAGES: [string, string, () => preact.JSX.Element][] = [
  ["query", "Query", () => <QueryPage />],
  ["alerts", "Alerts", () => <Alerts />],
  ["targets", "Targets", () => <Targets />],
  ["service-discovery", "Discovery", () => <Discovery />],
  ["rules", "Rules", () => <Rules />],
  ["alertmanager-discovery", "Alertmanagers", () => <Alertmanagers />],
  ["queries", "Queries", () => <Queries />],
  ["tsdb-status", "Database", () => <TsdbStatus />],
  ["config", "Configuration", () => <Config />],
  ["flags", "Flags", () => <Flags />],
  ["status", "Server", () => <Status />],
];

const THEMES: Record<Theme, [Theme, string, string]> = {
  auto: ["light", "◐", "as the system"],
  light: ["dark", "☀", "light"],
  dark: ["auto", "☾", "dark"],
};

function ThemeButton() {
  const [theme, setTheme] = useState(readTheme());
  const [next, sign, name] = THEMES[theme];
  const change = () => { applyTheme(next); setTheme(next); };
  return <button type="button" class="quiet theme" onClick={change} title={`Colours: ${name}`} aria-label={`Colours: ${name}`}>{sign}</button>;
}

const SITE = document.title; // the operator may have named it

export function App() {
  useAddress();
  const name = pageName() === "graph" ? "query" : pageName();
  const found = PAGES.find(([path]) => path === name) ?? PAGES[0]!;
  document.title = found[0] === "query" ? SITE : `${found[1]} · ${SITE}`;
  return <>
    <a class="skip" href="#main">Skip to the content</a>
    <header class="top">
      <span class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" /><path d="M16 27V12M16 18c-5 0-7-2.500-7.500-6.500C13 11.500 16 13.500 16 18zM16 15c4 0 6-2 6.500-5.500C18.500 9.500 16 11.500 16 15zM16 9.500c-2-1.700-2-3.600 0-6 2 2.400 2 4.300 0 6z" /></svg>Ferula</span>
      <nav aria-label="Pages">{PAGES.map(([path, title]) => <Link to={path} current={path === found[0]}>{title}</Link>)}</nav>
      <ThemeButton />
    </header>
    <Notifications />
    <main id="main" tabIndex={-1} key={found[0]}>{found[2]()}</main>
  </>;
}
