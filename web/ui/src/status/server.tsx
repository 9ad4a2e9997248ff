// server.tsx - the server itself: configuration, flags, runtime and build.
import { useApi, type Loaded } from "../api.ts";
import { Content, CopyButton, Page, Search } from "../parts/common.tsx";
import { useParameter } from "../parts/router.tsx";

function Pairs({ values }: { values: [string, string][] }) {
  return <div class="scroll"><table class="pairs"><tbody>{values.map(([name, value]) => <tr><th scope="row">{name}</th><td>{value}</td></tr>)}</tbody></table></div>;
}

export function Config() {
  const loaded = useApi<{ yaml: string }>("status/config");
  return <Page title="Configuration" aside={loaded.answer && <CopyButton text={() => loaded.answer!.data.yaml} what="the configuration" />}>
    <Content loaded={loaded} what="its configuration">{({ yaml }) => <pre class="code" tabIndex={0}>{yaml}</pre>}</Content></Page>;
}

export function Flags() {
  const loaded = useApi<Record<string, string>>("status/flags");
  const [text, setText] = useParameter("search");
  return <Page title="Flags" aside={<Search value={text} onChange={setText} placeholder="Filter by name or value" />}>
    <Content loaded={loaded} what="its flags">{(flags) =>
      <Pairs values={Object.entries(flags).filter(([name, value]) => `--${name} ${value}`.includes(text)).map(([name, value]): [string, string] => [`--${name}`, value]).sort(([a], [b]) => a.localeCompare(b))} />}</Content></Page>;
}

/** "storageRetention" -> "Storage retention" */
function readableKey(key: string): string {
  const words = key.replace(/([a-z])([A-Z])/g, "$1 $2");
  return key === key.toUpperCase() ? key : words.charAt(0).toUpperCase() + words.slice(1).replace(/ [A-Z](?=[a-z])/g, (word) => word.toLowerCase());
}

function Facts({ loaded, what }: { loaded: Loaded<Record<string, unknown>>; what: string }) {
  return <Content loaded={loaded} what={what}>{(facts) => <Pairs values={Object.entries(facts).filter(([, value]) => value !== "")
    .map(([key, value]): [string, string] => [readableKey(key), String(value)])} />}</Content>;
}

export function Status() {
  const runtime = useApi<Record<string, unknown>>("status/runtimeinfo");
  const build = useApi<Record<string, unknown>>("status/buildinfo");
  return <Page title="Server"><div class="columns"><section><h2>Runtime</h2><Facts loaded={runtime} what="facts on its runtime" /></section><section><h2>Build</h2><Facts loaded={build} what="facts on its build" /></section></div></Page>;
}
