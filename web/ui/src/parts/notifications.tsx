// notifications.tsx - what the operator should know now, above every page: the server tells as it changes.
import { useEffect, useState } from "preact/hooks";

import { useApi } from "../api.ts";

interface Notification { text: string; date: string; active: boolean }

const POLL_MS = 10_000;

function Banner({ list }: { list: Notification[] }) {
  return <div role="status" aria-label="Notifications" class="notifications">{list.map(({ text, date }) => <p key={text}>{text} <time dateTime={date}>{new Date(date).toLocaleString()}</time></p>)}</div>;
}

/** For when the server has as many listeners as it allows. */
function Polled() {
  const { answer } = useApi<Notification[]>("notifications", {}, POLL_MS);
  return <Banner list={answer?.data ?? []} />;
}

/** Listens only while its tab is seen: a browser opens six connections to a host in all. A new stream begins with all that is active. */
export function Notifications() {
  const [list, setList] = useState<Notification[]>([]);
  const [isRefused, setRefused] = useState(false);
  useEffect(() => {
    let source: EventSource | null = null;
    const listen = () => {
      source?.close();
      if (document.hidden) return;
      const stream = source = new EventSource("api/v1/notifications/live");
      stream.onopen = () => setList([]);
      stream.onmessage = ({ data }) => {
        const told = JSON.parse(data) as Notification;
        setList((old) => [...old.filter(({ text }) => text !== told.text), ...(told.active ? [told] : [])]);
      };
      stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) setRefused(true); };
    };
    listen();
    document.addEventListener("visibilitychange", listen);
    return () => {
      document.removeEventListener("visibilitychange", listen);
      source?.close();
    };
  }, []);
  return isRefused ? <Polled /> : <Banner list={list} />;
}
