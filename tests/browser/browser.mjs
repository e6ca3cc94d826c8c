// What the browser's tests share: the browser, who logs in, what is looked at on each screen.
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pictures = process.env.PICTURES;

// Chromium asks for updates and search hosts by itself; nothing here may leave the machine.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const pages = [];

let shared;

/** A window of somebody's own: with other cookies than all others. */
export async function open({ width = 1440, height = 900, dark = false, still = false, locale = "en-GB" } = {}) {
  const browser = (shared ??= await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS }));
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: still ? "reduce" : "no-preference", locale, bypassCSP: false });
  await context.addInitScript(`window.whereFocus = ${whereFocus}`);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  pages.push(page);
  const wrong = [];
  page.on("pageerror", (e) => wrong.push(`an exception: ${e.message}`));
  page.on("console", (m) => {
    // The browser itself reports each refusal; those are answers, and the page shows them.
    if (m.type() === "error" && !/status of 4\d\d|ERR_CONNECTION|ERR_INCOMPLETE/.test(m.text())) wrong.push(`the page's console: ${m.text()}`);
  });
  const close = async () => {
    await context.close();
    if (wrong.length) fail(wrong.join("\n"));
  };
  return { context, page, close };
}

export const closeBrowser = () => shared?.close();

export const fail = (what) => {
  throw new Error(what);
};

const begun = Date.now();
export const say = (what) => console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${what}`);

/** Findings of axe that hinder people: serious and critical ones.  By isolated world, so the page's policy stays as strict as it is. */
export async function accessible(page, name) {
  const client = await page.context().newCDPSession(page);
  const { frameTree } = await client.send("Page.getFrameTree");
  const { executionContextId } = await client.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
  const run = async (expression) => {
    const r = await client.send("Runtime.evaluate", { expression, contextId: executionContextId, awaitPromise: true, returnByValue: true });
    if (r.exceptionDetails) fail(`axe on ${name}: ${r.exceptionDetails.exception?.description ?? r.exceptionDetails.text}`);
    return r.result.value;
  };
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getComputedTiming().endTime !== Infinity).map((a) => a.finished.catch(() => {}))));
  await run(axe);
  const found = await run(`axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }).then((r) => r.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ") + " " + (n.failureSummary || "").split("\\n").slice(1).join(" ")).slice(0, 3).join(" | ")))`);
  await client.detach();
  if (found.length > 0) fail(`${name}: ${found.join("; ")}`);
}

/** In each page: where the focus is, and whether one sees it there.  null: nowhere. */
function whereFocus() {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const outlined = (x) => ((s) => (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1) || s.boxShadow !== "none")(getComputedStyle(x));
  // What is drawn may show it by a stroke: it has to be another one than its neighbour's.
  const stroke = (x) => ((s) => s.stroke + s.strokeWidth)(getComputedStyle(x.querySelector("rect, circle, path") ?? x));
  const like = e instanceof SVGElement && [...e.parentNode.children].find((x) => x !== e && x.tagName === e.tagName && x.getAttribute("class") === e.getAttribute("class"));
  const box = e.getBoundingClientRect();
  const text = (e.getAttribute("aria-label") || e.textContent || e.getAttribute("name") || e.tagName).trim().slice(0, 40);
  return { text, seen: (outlined(e) || (e instanceof SVGElement && (!like || stroke(like) !== stroke(e)))) && box.width > 0 && box.height > 0 };
}
export const focused = (page) => page.evaluate(() => window.whereFocus());

/** Tab goes through the whole screen: everything that can be worked is reached, and shows that it is. */
export async function walkable(page, name) {
  await leave(page);
  const wanted = await page.evaluate(() => {
    const visible = (e) => e.checkVisibility({ checkVisibilityCSS: true }) && e.getClientRects().length > 0;
    window.walked = new Map();
    window.walk = (e) => window.walked.set(e.target, window.whereFocus());
    addEventListener("focusin", window.walk);
    return [...document.querySelectorAll("a[href], button:not([disabled]), input:not([disabled]), select:not([disabled]), textarea:not([disabled]), summary")].filter((e) => visible(e) && e.tabIndex >= 0).length;
  });
  const most = Math.min(wanted, 60);
  for (let i = 0; i < most + 5; i++) await page.keyboard.press("Tab");
  const { reached, unseen } = await page.evaluate(() => {
    removeEventListener("focusin", window.walk);
    return { reached: window.walked.size, unseen: [...window.walked.values()].filter((x) => x && !x.seen).map((x) => x.text) };
  });
  if (reached < most * 0.9) fail(`${name}: the keyboard reaches ${reached} of ${wanted}`);
  if (unseen.length > 0) fail(`${name}: the focus cannot be seen at ${unseen.join(", ")}`);
}

/** Back to the beginning of the page. */
const leave = (page) => page.evaluate(() => (document.activeElement instanceof HTMLElement ? document.activeElement.blur() : undefined));

/** Everything that holds of every screen, and its picture. */
export async function look(page, name) {
  await page.locator("main").waitFor();
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
  await accessible(page, name);
  await walkable(page, name);
  await picture(page, name);
}

export async function picture(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await leave(page);
  await page.screenshot({ path: `${pictures}/${name}.png` });
}

/** What the pages showed when a test failed: beside the pictures, if there are any. */
export async function failed() {
  for (const [i, page] of pages.entries()) if (!page.isClosed()) await picture(page, `failed-${i}`).catch(() => {});
}

/** Until it holds: what programs beside the browser do. */
export async function until(what, seconds, holds) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const r = await holds();
    if (r) return r;
    if (Date.now() > end) fail(`not within ${seconds} s: ${what}`);
    await new Promise((r) => setTimeout(r, 100));
  }
}
