import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { CODES, NOTICES } from "../../../web/static/js/archive/errors.js";

const STEPS = ["opening", "lists", "names", "asking", "read", "portion", "next", "cancelled", "cancelled-asking", "asking-again", "again", "forgotten"];
const SERVER = ["server-too-large", "server-busy", "server-down", "server-error", "server-unreachable", "offline"];

test("the page has one sentence for each code, and none for nothing", async () => {
  const page = await readFile(new URL("../../../web/templates/_archive_drop.html", import.meta.url), "utf8");
  const names = [...page.matchAll(/<template data-message="([^"]+)"/g)].map((found) => found[1]);
  assert.deepEqual(names.toSorted(), [...STEPS, ...NOTICES, ...CODES, ...SERVER].toSorted());
});
