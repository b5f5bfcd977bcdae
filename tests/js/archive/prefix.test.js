import assert from "node:assert/strict";
import test from "node:test";
import { ArchiveError } from "../../../web/static/js/archive/errors.js";
import { Prefix } from "../../../web/static/js/archive/prefix.js";
import { encode } from "./helpers.js";

/** What is left of a file, fed in chunks of `size`. */
function rest(kind, text, size = 1_000) {
  const bytes = encode(text);
  const prefix = new Prefix(kind, `${kind}.js`);
  let left = "";
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size);
    const from = prefix.skip(chunk);
    if (prefix.isPassed) left += new TextDecoder().decode(chunk.subarray(from));
  }
  prefix.end();
  return left;
}

const TAKEN = [
  ["following", "window.YTD.following.part0 = [1]"],
  ["following", "window.YTD.following.part12=[1]"],
  ["following", "\ufeffwindow.YTD.following.part0 = [1]"],
  ["following", "\n  window.YTD.following.part0\n = [1]"],
  ["tweets", "window.YTD.tweet.part0 = [1]"],
  ["tweets", "window.YTD.tweets.part7 = [1]"],
  ["manifest", "window.__THAR_CONFIG = [1]"],
];
for (const [kind, text] of TAKEN) {
  test(`${JSON.stringify(text)} begins as ${kind} does`, () => {
    for (const size of [1, 2, 3, 7, 1_000]) assert.equal(rest(kind, text, size).trim(), "[1]");
  });
}

test("only the first = ends it", () =>
  assert.equal(rest("following", 'window.YTD.following.part0 = ["a=b"]'), ' ["a=b"]'));

const REFUSED = [
  ["following", "window.YTD.follower.part0 = []", "wrong-prefix"],
  ["follower", "window.YTD.follower_request.part0 = []", "wrong-prefix"],
  ["following", "window.YTD.following.part = []", "wrong-prefix"],
  ["following", "<!doctype html><html lang=en>", "wrong-prefix"],
  ["following", "alert(1); window.YTD.following.part0 = []", "wrong-prefix"],
  ["following", "=[]", "wrong-prefix"],
  ["manifest", "window.YTD.manifest.part0 = {}", "wrong-prefix"],
  ["following", "[]", "no-assignment"],
  ["following", '[{"following":{"userLink":"https://x.com/?user_id=1"}}]', "no-assignment"],
  ["following", "", "file-empty"],
  ["following", "x".repeat(257) + "=", "no-assignment"],
  ["following", "x".repeat(100_000), "no-assignment"],
];
for (const [kind, text, code] of REFUSED) {
  test(`${JSON.stringify(text.slice(0, 40))} does not begin as ${kind} does: ${code}`, () => {
    for (const size of [1, 5, 1_000]) {
      assert.throws(
        () => rest(kind, text, size),
        (error) => error instanceof ArchiveError && error.code === code && error.file === `${kind}.js`,
      );
    }
  });
}
