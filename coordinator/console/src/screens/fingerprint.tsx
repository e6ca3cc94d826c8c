// Fingerprints are compared by people: in groups, a row at a time, each group with its number.
export function Fingerprint({ text }: { text: string }) {
  return (
    <span class="fingerprint mono">
      {text.split("-").map((group, i) => (
        <span key={i}>{group}</span>
      ))}
    </span>
  );
}

/** As people type them: with or without dashes and blanks, in any case.  Exported for tests. */
export const plain = (text: string): string => text.toLowerCase().replace(/[\s-]/g, "");

/** How much of what was typed fits: "empty", "so far", "wrong" from a place on, "same". */
export function compare(typed: string, fingerprint: string): { state: "empty" | "part" | "wrong" | "same"; at: number } {
  const a = plain(typed);
  const b = plain(fingerprint);
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  if (a.length === 0) return { state: "empty", at: 0 };
  if (at < a.length) return { state: "wrong", at };
  return { state: a.length === b.length ? "same" : "part", at };
}
