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
  // A row holds several branches one after another: what is taken of each, as columns from and to.
  const taken: [number, number][][] = [];
  const free = (row: number, from: number, to: number): boolean => (taken[row] ?? []).every(([a, b]) => to < a || from > b);
  const waiting: { node: Node; column: number }[] = [];
  const byMain = (a: Node, b: Node): number => Number(main.has(b)) - Number(main.has(a)) || a.version.created_ms - b.version.created_ms;

  /** A branch goes straight on as far as it leads; what hangs off it waits until it has its row. */
  const place = (node: Node, column: number, above: number): void => {
    const branch: Node[] = [];
    for (let n: Node | undefined = node, c = column; n; c++) {
      n.column = c;
      branch.push(n);
      const [next, ...others]: Node[] = [...n.children].sort(byMain);
      for (const other of others) waiting.push({ node: other, column: c + 1 });
      n = next;
    }
    let row = above;
    while (!free(row, column - 1, column + branch.length - 1)) row++;
    (taken[row] ??= []).push([column - 1, column + branch.length - 1]);
    for (const n of branch) n.row = row;
  };
  for (const root of [...nodes.values()].filter((n) => !n.parent).sort(byMain)) waiting.push({ node: root, column: 0 });
  for (let next = waiting.shift(); next; next = waiting.shift()) place(next.node, next.column, next.node.parent ? next.node.parent.row + 1 : 0);
  const rows = taken.length;
  const list = [...nodes.values()];
  return { nodes: list, columns: Math.max(0, ...list.map((n) => n.column + 1)), rows };
}
