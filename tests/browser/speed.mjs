// How soon the screens of a coordinator with much to show can be used, and how it answers beside a round.
import { readFileSync } from "node:fs";
import { closeBrowser, open, fail } from "./browser.mjs";
import { load, token } from "./load.mjs";

const { URL: url, TOKEN, PID } = process.env;
const SITE = "/sites/plant-042";
const SCREENS = ["/", "/alarms", "/drifts", "/campaigns", "/rounds", "/rollouts", "/models", "/models/pump", SITE, ...(process.env.MORE ?? "").split(" ").filter(Boolean)];
const PATHS = ["/status", "/sites", "/alarms?limit=50", "/versions?limit=50", "/rounds?limit=20", "/fleet", "/journal?newest=true&limit=50", "/sites/plant-042", "/models/pump", "/campaigns?limit=20"].map((p) => "/api/v1" + p);
const secret = token(TOKEN);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rss = () => Number(readFileSync(`/proc/${PID}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) / 1024;

async function screens() {
  const { context } = await open({ still: true });
  let worst = 0;
  for (const path of SCREENS) {
    const took = [];
    for (let i = 0; i < 5; i++) {
      const page = await context.newPage();
      // The log-in is not what is measured: the token goes along with each request.
      await page.setExtraHTTPHeaders({ Authorization: `Bearer ${secret}` });
      const begun = performance.now();
      await page.goto(url + path, { waitUntil: "commit" });
      await page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector("[aria-busy=true]"), null, { polling: "raf" });
      took.push(performance.now() - begun);
      await page.close();
    }
    worst = Math.max(worst, median(took));
    console.log(`${path.padEnd(18)} interactive after ${median(took).toFixed(0)} ms (most of five ${Math.max(...took).toFixed(0)} ms)`);
  }
  await closeBrowser();
  return worst;
}

const latest = async () => (await (await fetch(`${url}/api/v1/rounds?limit=1`, { headers: { Authorization: `Bearer ${secret}` } })).json()).rounds[0]?.id ?? 0;

// Requests leave nothing behind; rounds do for a while: a queue of ZeroMQ is made of pieces for 256 messages, 16 kB, and keeps a
// second one from the 256th on, in each direction of each connection. With 100 sites that is some 15 MiB, the last of it after about
// 150 rounds, and then a round leaves its entry, 1 kB. LOADS=10 shows it: memory is told with the round that it was read at.
const before = rss(), began = await latest();
console.log("200 requests a second beside rounds of all sites, due when they are due:");
const r = await load(url, secret, 200, Number(process.env.SECONDS_OF_LOAD ?? 10), PATHS);
console.log(`${r.n} answers, p50 ${r.p50.toFixed(1)} ms, p99 ${r.p99.toFixed(1)} ms; statuses ${JSON.stringify(r.statuses)}`);
const rounds = (await latest()) - began;
console.log(`rounds of all sites meanwhile: ${rounds}, without a pause and without training`);
for (const [path, ms] of Object.entries(r.worst)) console.log(`  ${path.padEnd(40)} p99 ${ms.toFixed(1)} ms`);
const again = rss();
console.log(`memory ${before.toFixed(1)} MiB before, at round ${began}; after load 1 ${again.toFixed(1)}, round ${await latest()}`);
for (let i = 2; i <= Number(process.env.LOADS ?? 2); i++) {
  await load(url, secret, 200, Number(process.env.SECONDS_OF_LOAD ?? 10), PATHS);
  console.log(`  after load ${i} ${rss().toFixed(1)} MiB, round ${await latest()}`);
}
if (Object.keys(r.statuses).join() !== "200") fail("something was refused");
if (rounds < 1) fail("no round ran beside the load");
if (rss() > again * 1.1 + 8) fail("memory grows with requests");
console.log("Screens, from the first request to what can be worked with:");
await screens();
