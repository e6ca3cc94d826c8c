// Events over a real connection that is cut in between.
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createApi } from "../src/base/api.ts";
import { backoff, createLive, parseBlock, staleSince, type LiveEvent } from "../src/base/live.ts";

const event = (seq: number, kind: string): string => `id: ${seq}\nevent: ${kind}\ndata: ${JSON.stringify({ seq, kind })}\n\n`;

test("blocks of a stream are read, comments are not", () => {
  assert.deepEqual(parseBlock("id: 7\nevent: round.ended\ndata: {}"), { id: "7", event: "round.ended", data: "{}" });
  assert.deepEqual(parseBlock("data: a\ndata: b"), { data: "a\nb" });
  assert.equal(parseBlock(": still here"), undefined);
});

test("attempts come slower and slower, and not all browsers at once", () => {
  assert.equal(backoff(0, 0.5), 1000);
  assert.equal(backoff(3, 0.5), 8000);
  assert.equal(backoff(50, 0.5), 30_000);
  assert.ok(backoff(2, 0) < backoff(2, 1));
});

test("a moment without a stream is not stale, longer is", () => {
  assert.equal(staleSince({ at: "reconnecting", since: 1000, attempt: 1 }, 5000), undefined);
  assert.equal(staleSince({ at: "reconnecting", since: 1000, attempt: 1 }, 12_000), 1000);
  assert.equal(staleSince({ at: "live" }, 1e12), undefined);
});

test("a cut stream goes on after the last event, and nothing comes twice", async () => {
  const calls: { last: string | undefined; res: ServerResponse }[] = [];
  let arrived: (() => void) | undefined;
  const server = createServer((req: IncomingMessage, res) => {
    res.writeHead(200, { "Content-Type": "text/event-stream" });
    res.write(": hello\n\n");
    calls.push({ last: req.headers["last-event-id"] as string | undefined, res });
    arrived?.();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const call = async (n: number): Promise<{ last: string | undefined; res: ServerResponse }> => {
    while (calls.length < n) await new Promise<void>((done) => (arrived = done));
    return calls[n - 1]!;
  };
  const live = createLive(createApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  const got: LiveEvent[] = [];
  let more: (() => void) | undefined;
  const have = async (n: number): Promise<void> => {
    while (got.length < n) await new Promise<void>((done) => (more = done));
  };
  let again = 0;
  live.on(["round.", "site."], (e) => (got.push(e), more?.()));
  live.onAgain(() => again++);
  live.start();

  const first = await call(1);
  assert.equal(first.last, undefined);
  // An event in two pieces, and one that nobody asked for.
  const text = event(5, "round.opened") + event(6, "alias.moved") + event(7, "site.live");
  first.res.write(text.slice(0, 20));
  first.res.write(text.slice(20));
  await have(2);
  assert.equal(live.state.value.at, "live");
  first.res.destroy();

  const second = await call(2);
  assert.equal(second.last, "7");
  second.res.write(event(7, "site.live") + event(8, "round.ended"));
  await have(3);
  assert.deepEqual(
    got.map((e) => e.seq),
    [5, 7, 8],
  );
  assert.equal(again, 1);
  live.stop();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

test("nobody sees the page: no stream is held, and what came meanwhile comes with the next", async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const call = (): Promise<{ last: string | undefined; res: ServerResponse }> =>
    new Promise((done) =>
      server.once("request", (req: IncomingMessage, res: ServerResponse) => {
        res.writeHead(200, { "Content-Type": "text/event-stream" });
        res.write(": hello\n\n");
        done({ last: req.headers["last-event-id"] as string | undefined, res });
      }),
    );
  let now = 1_000_000;
  const live = createLive(createApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), "/events", () => now);
  let more: ((seq: number) => void) | undefined;
  const next = (): Promise<number> => new Promise((done) => (more = done));
  let again = 0;
  live.on([""], (e) => more?.(e.seq));
  live.onAgain(() => again++);
  const gone = (res: ServerResponse): Promise<void> => new Promise((done) => res.once("close", done));

  live.seen(false);
  live.start();
  let coming = call();
  live.seen(true);
  let stream = await coming;
  let heard = next();
  stream.res.write(event(5, "round.opened"));
  assert.equal(await heard, 5);

  const left = gone(stream.res);
  live.seen(false);
  await left;
  assert.equal(live.state.value.at, "connecting");
  now += 60_000;
  coming = call();
  live.seen(true);
  stream = await coming;
  assert.equal(stream.last, "5");
  heard = next();
  stream.res.write(event(6, "round.ended"));
  assert.equal(await heard, 6);
  assert.equal(again, 0, "nothing was missed");

  // A night later it is not told again event by event.
  const leftAgain = gone(stream.res);
  live.seen(false);
  await leftAgain;
  now += 8 * 3_600_000;
  coming = call();
  live.seen(true);
  stream = await coming;
  assert.equal(stream.last, undefined);
  heard = next();
  stream.res.write(event(9_000, "site.live"));
  assert.equal(await heard, 9_000);
  assert.equal(again, 1);
  live.stop();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});
