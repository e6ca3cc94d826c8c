import assert from "node:assert/strict";
import { test } from "node:test";
import { match, to } from "../src/base/router.ts";

test("a path fits its pattern and gives its parts", () => {
  assert.deepEqual(match("/models/:name", "/models/pump"), { name: "pump" });
  assert.deepEqual(match("/models/:name", "/models/pump/"), { name: "pump" });
  assert.deepEqual(match("/", "/"), {});
  assert.equal(match("/models/:name", "/models"), undefined);
  assert.equal(match("/models/:name", "/models/a/b"), undefined);
  assert.equal(match("/models", "/sites"), undefined);
});

test("names with odd characters come through, broken ones fit nowhere", () => {
  const path = to("/sites/:name", { name: "halle 3/ost" });
  assert.equal(path, "/sites/halle%203%2Fost");
  assert.deepEqual(match("/sites/:name", path), { name: "halle 3/ost" });
  assert.equal(match("/sites/:name", "/sites/%E0%A4%A"), undefined);
});
