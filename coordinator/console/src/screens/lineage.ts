// Where versions come from, as places on a plane.  Pure: test/lineage.test.ts.
//
// Versions that only lead to others (a training campaign makes one each round) are folded into the edge between the ones that
// matter: those with an alias, judged ones, ones from which several came, first and last ones.
import type { Version } from "../base/shapes.ts";

export interface Node {
  version: Version;
  /** generations of those that are shown, from the left */
  column: number;
  /** 0: the line to production */
  row: number;
  parent?: Node;
  /** folded versions between the parent and this one */
  folded: number;
  children: Node[];
}

export function lineage(versions: Version[], production: string | null): { nodes: Node[]; columns: number; rows: number } {
  const byHash = new Map(versions.map((v) => [v.hash, v]));
  const made = new Map<string, number>();
  for (const v of versions) if (v.parent && byHash.has(v.parent)) made.set(v.parent, (made.get(v.parent) ?? 0) + 1);
  const matters = (v: Version): boolean =>
    v.aliases.length > 0 || v.evaluated || v.hash === production || (made.get(v.hash) ?? 0) !== 1 || !v.parent || !byHash.has(v.parent);

  const nodes = new Map<string, Node>();
  // The oldest first: a parent is made before what comes of it.
  const old = [...versions].sort((a, b) => a.created_ms - b.created_ms || a.round - b.round);
  for (const v of old) if (matters(v)) nodes.set(v.hash, { version: v, column: 0, row: 0, folded: 0, children: [] });
  for (const node of nodes.values()) {
    let at = node.version.parent ? byHash.get(node.version.parent) : undefined;
    for (; at && !nodes.has(at.hash); at = at.parent ? byHash.get(at.parent) : undefined) node.folded++;
    if (!at) continue;
    node.parent = nodes.get(at.hash)!;
    node.parent.children.push(node);
  }

  const main = new Set<Node>();
  for (let n = production ? nodes.get(production) : undefined; n; n = n.parent) main.add(n);
  let rows = 0;
  const place = (node: Node, column: number, row: number): void => {
    node.column = column;
    node.row = row;
    rows = Math.max(rows, row + 1);
    // The line to production goes straight on, the newest of the others below it.
    const next = [...node.children].sort((a, b) => Number(main.has(b)) - Number(main.has(a)) || a.version.created_ms - b.version.created_ms);
    for (const [i, child] of next.entries()) place(child, column + 1, i === 0 ? row : rows);
  };
  for (const root of [...nodes.values()].filter((n) => !n.parent).sort((a, b) => Number(main.has(b)) - Number(main.has(a)))) place(root, 0, rows);
  const list = [...nodes.values()];
  return { nodes: list, columns: Math.max(0, ...list.map((n) => n.column + 1)), rows };
}
