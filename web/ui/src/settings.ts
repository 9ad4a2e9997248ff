// settings.ts - what the browser remembers: theme, time zone, history. A browser that remembers nothing is fine.

export type Theme = "auto" | "light" | "dark";

const PREFIX = "ferula.";
const HISTORY_MAX = 100;

function read(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // private windows and full stores: it is forgotten
  }
}

export function readTheme(): Theme {
  const theme = read("theme");
  return theme === "light" || theme === "dark" ? theme : "auto";
}

export function applyTheme(theme: Theme): void {
  write("theme", theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  window.dispatchEvent(new Event("themechange"));
}

/** What is in force now, whoever decided. */
export function isDark(): boolean {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export const readUtc = (): boolean => read("utc") === "1";
export const writeUtc = (utc: boolean): void => write("utc", utc ? "1" : "0");

export function readHistory(): string[] {
  try {
    const list: unknown = JSON.parse(read("history") ?? "[]");
    return Array.isArray(list) ? list.filter((item): item is string => typeof item === "string") : [];
  } catch {
    return [];
  }
}

/** The newest first, each once. */
export function remember(expression: string): void {
  const list = [expression, ...readHistory().filter((other) => other !== expression)];
  write("history", JSON.stringify(list.slice(0, HISTORY_MAX)));
}

export function forgetHistory(): void {
  write("history", "[]");
}
