// How soon the screens of a coordinator with much to show can be used, and how it answers beside a round.
import { readFileSync } from "node:fs";
import { open, fail } from "./browser.mjs";
import { load, token } from "./load.mjs";

const { URL: url, TOKEN, PID } = process.env;
const SITE = "/sites/plant-042";
const SCREENS = ["/", "/alarms", "/drifts", "/campaigns", "/rounds", "/rollouts", "/models", "/models/pump", SITE, ...(process.env.MORE ?? "").split(" ").filter(Boolean)];
const PATHS = ["/status", "/sites", "/alarms?limit=50", "/versions?limit=50", "/rounds?limit=20", "/fleet", "/journal?newest=true&limit=50", "/sites/plant-042", "/models/pump", "/campaigns?limit=20"].map((p) => "/api/v1" + p);
const secret = token(TOKEN);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rss = () => Number(readFileSync(`/proc/${PID}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) / 1024;

async function screens() {
  const { browser, context } = await open();
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
  await browser.close();
  return worst;
}

const before = rss();
console.log("200 requests a second beside rounds of all sites, due when they are due:");
const r = await load(url, secret, 200, Number(process.env.SECONDS_OF_LOAD ?? 10), PATHS);
console.log(`${r.n} answers, p50 ${r.p50.toFixed(1)} ms, p99 ${r.p99.toFixed(1)} ms; statuses ${JSON.stringify(r.statuses)}`);
for (const [path, ms] of Object.entries(r.worst)) console.log(`  ${path.padEnd(40)} p99 ${ms.toFixed(1)} ms`);
const again = rss();
await load(url, secret, 200, Number(process.env.SECONDS_OF_LOAD ?? 10), PATHS);
console.log(`memory ${before.toFixed(1)} MiB before, ${again.toFixed(1)} after the first load, ${rss().toFixed(1)} after the second`);
if (Object.keys(r.statuses).join() !== "200") fail("something was refused");
if (rss() > again * 1.1 + 8) fail("memory grows with requests");
console.log("Screens, from the first request to what can be worked with:");
await screens();
