// A table that sorts by its headings, is walked with the arrow keys, becomes cards on a narrow screen, and shows long
// lists in pages.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../base/i18n.ts";
import { Scroll } from "./bits.tsx";
import { Icon } from "./icon.tsx";

export interface Column<Row> {
  id: string;
  head: string;
  cell: (row: Row) => ComponentChildren;
  /** what the column is sorted by; without it it is not */
  by?: (row: Row) => number | string | undefined | null;
  end?: boolean;
  /** the heading is for screen readers alone: a column of buttons */
  bare?: boolean;
}

export interface TableProps<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  id: (row: Row) => string;
  /** "name" ascending, "-name" descending */
  sort?: string;
  empty?: ComponentChildren;
  /** rows at a time */
  page?: number;
  /** the server has more: fetches it */
  more?: (() => void) | undefined;
  busy?: boolean;
}

const collator = new Intl.Collator(undefined, { numeric: true });

export function sorted<Row>(rows: Row[], columns: Column<Row>[], sort: string): Row[] {
  const down = sort.startsWith("-");
  const by = columns.find((c) => c.id === sort.replace(/^-/, ""))?.by;
  if (!by) return rows;
  const way = down ? -1 : 1;
  return rows
    .map((row, i) => ({ row, i, key: by(row) }))
    .sort((a, b) => {
      if (a.key === b.key) return a.i - b.i;
      if (a.key === undefined || a.key === null) return 1; // what is not known comes last, either way
      if (b.key === undefined || b.key === null) return -1;
      const c = typeof a.key === "number" && typeof b.key === "number" ? a.key - b.key : collator.compare(String(a.key), String(b.key));
      return c === 0 ? a.i - b.i : c * way;
    })
    .map((x) => x.row);
}

/** Arrow keys go from row to row, on the same place in it; Home and End to the first and the last. */
function onKey(e: KeyboardEvent): void {
  const tr = (e.target as Element).closest("tr");
  const body = tr?.parentElement;
  if (!tr || body?.tagName !== "TBODY" || /^(INPUT|SELECT|TEXTAREA)$/.test((e.target as Element).tagName)) return;
  const all = [...body.children] as HTMLElement[];
  const at = all.indexOf(tr);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[e.key];
  if (next === undefined || !all[next]) return;
  const places = (row: Element): HTMLElement[] => [...row.querySelectorAll<HTMLElement>("a[href], button")];
  const place = places(tr).indexOf(e.target as HTMLElement);
  const target = places(all[next]);
  (target[place] ?? target[0])?.focus();
  e.preventDefault();
}

export function Table<Row>({ caption, columns, rows, id, sort: first, empty, page = 100, more, busy }: TableProps<Row>) {
  const [sort, setSort] = useState(first ?? "");
  const [shown, setShown] = useState(page);
  if (rows.length === 0 && !busy && empty) return <>{empty}</>;
  const all = sort ? sorted(rows, columns, sort) : rows;
  const part = all.slice(0, shown);
  const left = all.length - part.length;
  return (
    <>
      <Scroll label={caption}>
        <table class="rows cards" aria-busy={busy} onKeyDown={onKey}>
          <caption class="unseen">{caption}</caption>
          <thead>
            <tr>
              {columns.map((c) => {
                const up = sort === c.id;
                const down = sort === "-" + c.id;
                return (
                  <th key={c.id} scope="col" class={c.end ? "end" : undefined} aria-sort={up ? "ascending" : down ? "descending" : undefined}>
                    {c.by ? (
                      <button type="button" onClick={() => setSort(up ? "-" + c.id : c.id)}>
                        {c.head}
                        {(up || down) && <Icon name={up ? "up" : "down"} />}
                      </button>
                    ) : (
                      <span class={c.bare ? "unseen" : undefined}>{c.head}</span>
                    )}
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {part.map((row) => (
              <tr key={id(row)}>
                {columns.map((c) => (
                  <td key={c.id} data-label={c.head} class={c.end ? "end" : undefined}>
                    {c.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {(left > 0 || more) && (
        <div class="more">
          <span>{t("base.shown_of", { n: part.length, all: all.length })}</span>
          <button type="button" disabled={busy} onClick={() => (left > 0 ? setShown(shown + page) : (setShown(shown + page), more!()))}>
            {busy ? t("base.loading") : t("base.more")}
          </button>
        </div>
      )}
    </>
  );
}
