// Requests at a steady pace: each has its time to start, whatever became of those before it, so that a server that stands still is
// seen in all that should have been answered meanwhile.  load.mjs URL TOKEN-FILE A-SECOND SECONDS PATH...
import http from "node:http";
import { readFileSync } from "node:fs";

export async function load(url, token, rate, seconds, paths) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  const took = [];
  const statuses = {};
  const waiting = [];
  const begun = performance.now();
  for (let i = 0; i < rate * seconds; i++) {
    const due = begun + (i * 1000) / rate;
    const wait = due - performance.now();
    if (wait > 1) await new Promise((r) => setTimeout(r, wait));
    waiting.push(
      new Promise((done) => {
        const req = http.get(url + paths[i % paths.length], { agent, headers: { Authorization: `Bearer ${token}` } }, (res) => {
          res.resume();
          res.on("end", () => {
            statuses[res.statusCode] = (statuses[res.statusCode] ?? 0) + 1;
            took.push({ ms: performance.now() - due, path: paths[i % paths.length] });
            done();
          });
        });
        req.on("error", (e) => {
          statuses[e.code] = (statuses[e.code] ?? 0) + 1;
          done();
        });
      }),
    );
  }
  await Promise.all(waiting);
  agent.destroy();
  const at = (list, q) => list[Math.min(list.length - 1, Math.floor(list.length * q))] ?? NaN;
  const sorted = took.map((t) => t.ms).sort((a, b) => a - b);
  const worst = {};
  for (const path of paths) {
    const of = took.filter((t) => t.path === path).map((t) => t.ms).sort((a, b) => a - b);
    worst[path] = at(of, 0.99);
  }
  return { n: took.length, seconds: (performance.now() - begun) / 1000, statuses, p50: at(sorted, 0.5), p99: at(sorted, 0.99), worst };
}

export const token = (file) => readFileSync(file, "utf8").trim();
