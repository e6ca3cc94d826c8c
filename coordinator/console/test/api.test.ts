// The door to the API against a server on a socket.
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createApi, isOffline, Problem, withQuery } from "../src/base/api.ts";

// Browsers have it; Node 18 does not yet.
globalThis.crypto ??= webcrypto as Crypto;

type Handler = (req: IncomingMessage, res: ServerResponse, body: string) => void;

async function serving(handler: Handler, run: (base: string) => Promise<void>): Promise<void> {
  const server = createServer((req, res) => {
    let body = "";
    req.on("data", (d) => (body += String(d)));
    req.on("end", () => handler(req, res, body));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

const json = (res: ServerResponse, status: number, body: object, headers = {}): void => {
  res.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
};

test("a query has what was given and nothing else", () => {
  assert.equal(withQuery("/rounds", { model: "a b", limit: 5, after: undefined, kind: "" }), "/rounds?model=a%20b&limit=5");
  assert.equal(withQuery("/rounds"), "/rounds");
});

test("a problem keeps its status and its words", () =>
  serving(
    (_req, res) => json(res, 409, { title: "not possible now", detail: "campaign 3 runs" }, { "Content-Type": "application/problem+json" }),
    async (base) => {
      await assert.rejects(createApi(base).get("/x"), (e: unknown) => e instanceof Problem && e.status === 409 && e.message === "campaign 3 runs");
    },
  ));

test("an answer that is no JSON is a problem with its status", () =>
  serving(
    (_req, res) => void res.writeHead(502).end("<h1>proxy</h1>"),
    async (base) => {
      await assert.rejects(createApi(base).get("/x"), (e: unknown) => e instanceof Problem && e.status === 502);
    },
  ));

test("nobody there is told from a refusal", async () => {
  let base = "";
  await serving(
    (_req, res) => json(res, 200, {}),
    async (b) => void (base = b),
  );
  await assert.rejects(createApi(base).get("/x"), isOffline);
});

test("what has not changed is not sent again", () => {
  let asked = 0;
  const tags: (string | undefined)[] = [];
  return serving(
    (req, res) => {
      asked++;
      tags.push(req.headers["if-none-match"]);
      if (req.headers["if-none-match"] === '"7"') res.writeHead(304).end();
      else json(res, 200, { n: 7 }, { ETag: '"7"' });
    },
    async (base) => {
      const api = createApi(base);
      assert.deepEqual(await api.get("/status"), { n: 7 });
      assert.deepEqual(await api.get("/status"), { n: 7 });
      assert.equal(asked, 2);
      assert.deepEqual(tags, [undefined, '"7"']);
    },
  );
});

test("a change by cookie says the session's word, one by token does not need it", () => {
  const seen: IncomingMessage["headers"][] = [];
  return serving(
    (req, res, body) => {
      seen.push(req.headers);
      assert.equal(body, '{"reason":"r"}');
      json(res, 200, { ok: true });
    },
    async (base) => {
      const api = createApi(base);
      api.credentials.csrf = "word";
      await api.post("/a", { reason: "r" });
      api.credentials = { bearer: "secret" };
      await api.post("/a", { reason: "r" });
      assert.equal(seen[0]!["x-andon-csrf"], "word");
      assert.equal(seen[0]!.authorization, undefined);
      assert.equal(seen[1]!["x-andon-csrf"], undefined);
      assert.equal(seen[1]!.authorization, "Bearer secret");
      assert.match(String(seen[0]!["idempotency-key"]), /^[0-9a-f]{32}$/);
      assert.notEqual(seen[0]!["idempotency-key"], seen[1]!["idempotency-key"]);
    },
  );
});

test("a session that ended is told once it is met, a wrong password is not", () =>
  serving(
    (_req, res) => json(res, 401, { title: "log in", detail: "" }),
    async (base) => {
      const api = createApi(base);
      let told = 0;
      api.onUnauthorised = () => told++;
      await assert.rejects(api.post("/session", { user: "a", password: "b" }), Problem);
      assert.equal(told, 0);
      await assert.rejects(api.get("/status"), Problem);
      assert.equal(told, 1);
    },
  ));
