// router.tsx - the address decides the page; links change it without loading.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

const CHANGED = "addresschange";

/** The last segment of the path: "/prefix/targets" -> "targets". */
export function pageName(): string {
  return location.pathname.slice(location.pathname.lastIndexOf("/") + 1) || "query";
}

export function navigate(address: string): void {
  history.pushState(null, "", address);
  window.dispatchEvent(new Event(CHANGED));
}

export function useAddress(): string {
  const [address, setAddress] = useState(location.href);
  useEffect(() => {
    const changed = () => setAddress(location.href);
    window.addEventListener("popstate", changed);
    window.addEventListener(CHANGED, changed);
    return () => {
      window.removeEventListener("popstate", changed);
      window.removeEventListener(CHANGED, changed);
    };
  }, []);
  return address;
}

export function Link({ to, children, current }: { to: string; children: ComponentChildren; current?: boolean }) {
  const follow = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(to);
  };
  return <a href={to} aria-current={current ? "page" : undefined} onClick={follow}>{children}</a>;
}

/** One parameter of the address, as state: a filter survives sharing and reloading. */
export function useParameter(name: string, initial = ""): [string, (value: string) => void] {
  useAddress();
  return [new URLSearchParams(location.search).get(name) ?? initial, (next) => {
    const parameters = new URLSearchParams(location.search);
    if (next === initial) parameters.delete(name);
    else parameters.set(name, next);
    const text = parameters.toString();
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
    window.dispatchEvent(new Event(CHANGED));
  }];
}
