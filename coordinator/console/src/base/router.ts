// Where one is: the path and the query of the address, as a signal.  Links are real ones, so that opening in a new tab,
// the history and bookmarks work as everywhere.
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
}

export type Params = Record<string, string>;

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });

export const place = signal<Place>({ path: "/", query: new URLSearchParams() });

/** "/models/:name" against "/models/pump": {name: "pump"}; undefined: does not fit. */
export function match(pattern: string, path: string): Params | undefined {
  const want = pattern.split("/").filter(Boolean);
  const have = path.split("/").filter(Boolean);
  if (want.length !== have.length) return undefined;
  const params: Params = {};
  for (const [i, part] of want.entries()) {
    if (part.startsWith(":")) {
      try {
        params[part.slice(1)] = decodeURIComponent(have[i]!);
      } catch {
        return undefined;
      }
    } else if (part !== have[i]) {
      return undefined;
    }
  }
  return params;
}

/** to("/models/:name", {name: "pump"}) */
export function to(pattern: string, params: Params = {}): string {
  return pattern.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
}

export function navigate(href: string, options: { replace?: boolean } = {}): void {
  const url = new URL(href, location.href);
  const now = url.pathname + url.search;
  if (now === location.pathname + location.search) return;
  if (options.replace) history.replaceState(null, "", now);
  else history.pushState(null, "", now);
  const moved = url.pathname !== place.value.path;
  place.value = here();
  if (moved) scrollTo(0, 0);
}

/** Changes parts of the query, without an entry in the history: a sort order or a filter is no place of its own. */
export function setQuery(change: Record<string, string | undefined>): void {
  const query = new URLSearchParams(location.search);
  for (const [k, v] of Object.entries(change)) {
    if (v === undefined || v === "") query.delete(k);
    else query.set(k, v);
  }
  const text = query.toString();
  navigate(location.pathname + (text ? "?" + text : ""), { replace: true });
}

function onClick(e: MouseEvent): void {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  // By attributes: a link of a drawing has other properties than one of a text.
  const a = (e.target as Element | null)?.closest?.("a[href]");
  if (!a || a.hasAttribute("target") || a.hasAttribute("download")) return;
  const url = new URL(a.getAttribute("href")!, location.href);
  if (url.origin !== location.origin || (url.hash && url.pathname === location.pathname)) return;
  e.preventDefault();
  navigate(url.href);
}

export function startRouter(): void {
  place.value = here();
  addEventListener("popstate", () => (place.value = here()));
  document.addEventListener("click", onClick);
}
