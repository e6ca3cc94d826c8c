// Every screen once more, in another language and other colours: no text is missing or left in English, axe finds nothing,
// the keys reach all of it.  What screens there are the sources say, so that none is left out.
import { readFileSync } from "node:fs";
import { accessible, fail, say, walkable } from "./browser.mjs";

const console_ = new URL("../../coordinator/console/", import.meta.url);
const text = (path) => readFileSync(new URL(path, console_), "utf8");

/** The screens of a page, as its sources name them. */
export const screensOf = (file) => [...text(file).matchAll(/\{ path: "([^"]+)"/g)].map((m) => m[1]);

/** Texts of two words and more that another language has in its own words. */
function english(language, areas) {
  const all = (id) => Object.assign({}, ...areas.map((a) => JSON.parse(text(`messages/${id}/${a}.json`))));
  const [en, other] = [all("en"), all(language)];
  return Object.keys(en).filter((k) => en[k] !== other[k] && en[k].includes(" ") && !en[k].includes("{")).map((k) => en[k]);
}

/** Keys that no language has are shown as they are; words that the page has no key for are shown in English. */
const wrongTexts = (page, areas, left) =>
  page.evaluate(
    ([prefix, left]) => {
      const key = new RegExp(`^(${prefix})\\.[a-z0-9_.]+$`);
      const english = new Set(left);
      const found = new Set();
      const see = (said, where) => {
        const words = (said ?? "").trim();
        if (key.test(words) || english.has(words)) found.add(`${where}: ${words}`);
      };
      // What the coordinator, its journal and a command say is as it is.
      const theirs = "[lang=en], code, pre, option, .mono";
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let n = walk.nextNode(); n; n = walk.nextNode()) if (!n.parentElement.closest(theirs)) see(n.data, n.parentElement.tagName);
      for (const e of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]"))
        if (!e.closest(theirs)) for (const a of ["aria-label", "title", "placeholder", "alt"]) see(e.getAttribute(a), a);
      return [...found];
    },
    [areas.join("|"), left],
  );

/** Of one screen, such as the log-in. */
export async function inWords(page, language, areas) {
  const wrong = await wrongTexts(page, areas, english(language, areas));
  if (wrong.length > 0) fail(`${page.url()}, ${language}: ${wrong.join("; ")}`);
}

const ready = async (page) => {
  await page.locator("main h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true], .loading"));
};

/** places: an address for each of `screens`, and more; looked: those that the story has looked at as they are. */
export async function tour(page, { name, base, language, areas, screens, places, dark, looked = [] }) {
  const none = screens.filter((s) => !(s in places));
  if (none.length > 0) fail(`${name}: nobody has looked at ${none.join(", ")}`);
  const left = english(language, areas);
  const found = [];
  for (const place of Object.values(places)) {
    await page.goto(base + place);
    await ready(page);
    const lang = await page.evaluate(() => document.documentElement.lang);
    if (lang !== language) fail(`${place}: the page says that it is in ${lang}`);
    const moving = await page.evaluate(() => (matchMedia("(prefers-reduced-motion: reduce)").matches ? document.getAnimations().filter((a) => a.playState === "running" && a.effect.getComputedTiming().duration > 1).map((a) => `${a.animationName ?? a.transitionProperty} moves`) : []));
    found.push(...[...(await wrongTexts(page, areas, left)), ...moving].map((x) => `${place}: ${x}`));
    const known = looked.includes(place);
    for (const look of dark ? [accessible] : known ? [] : [accessible, walkable]) await look(page, place).catch((e) => found.push(e.message));
  }
  if (found.length > 0) fail(`${name}, ${language}:\n${found.join("\n")}`);
  say(`${Object.keys(places).length} screens of ${name} in ${language}`);
}
