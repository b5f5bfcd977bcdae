import assert from "node:assert/strict";
import test from "node:test";
import { MAX_ROWS_PER_LIST } from "../../../web/static/js/archive/limits.js";
import { readArchive } from "../../../web/static/js/archive/read.js";
import { following, linesOf, part, post, read, refuses, rows, zipOf } from "./helpers.js";

const ACCOUNT = part("account", [
  { account: { email: "somebody@example.org", accountId: "7", username: "alice" } },
]);
const WHOLE = {
  "data/following.js": following("11", "12"),
  "data/following-part1.js": part("following", rows("following", ["13"]), 1),
  "data/follower.js": part("follower", rows("follower", ["12", "14"])),
  "data/block.js": part("block", rows("blocking", ["15"])),
  "data/mute.js": part("mute", rows("muting", ["11", "15"])),
  "data/account.js": ACCOUNT,
  "data/tweets.js": part("tweets", [post("1", { 11: "bob", 99: "stranger" }), post("2", { 14: "carol" })]),
  "data/direct-messages.js": "not to be opened",
  "data/follower-requests.js": "not to be opened",
  "data/tweets_media/a.jpg": new Uint8Array(1_000),
};
const WHOLE_LINES = ["11,bob,fm", "12,,fr", "13,,f", "14,carol,r", "15,,bm"];

const loose = (files) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [path.replace("data/", ""), text]));

test("a ZIP gives everybody on its lists once, and names from posts", async () => {
  const reading = await read(await zipOf(WHOLE));
  assert.deepEqual(linesOf(reading), WHOLE_LINES);
  assert.deepEqual(reading.owner, { id: "7", handle: "alice" });
  assert.deepEqual(reading.notices, []);
});

test("a leading folder, another name and stored entries change nothing", async () => {
  const files = Object.entries(WHOLE).map(([path, content]) => [
    `twitter-x/${path}`,
    [content, { level: 0 }],
  ]);
  assert.deepEqual(linesOf(await read(await zipOf(Object.fromEntries(files), "archive.bin"))), WHOLE_LINES);
});

test("loose files and a folder's give the same", async () => {
  assert.deepEqual(linesOf(await read(loose(WHOLE))), WHOLE_LINES);
  const folder = Object.fromEntries(
    Object.entries(WHOLE).map(([path, content]) => [`downloads/twitter/${path}`, content]),
  );
  assert.deepEqual(linesOf(await read(folder)), WHOLE_LINES);
});

test("two ZIPs of one name, from two folders, are two", async () => {
  const parts = [{ "data/following.js": WHOLE["data/following.js"] }, WHOLE];
  const chosen = await Promise.all(parts.map(async (files) => ({ path: "twitter.zip", file: await zipOf(files) })));
  assert.deepEqual(linesOf(await readArchive(chosen)), WHOLE_LINES);
});

test("progress grows to all bytes, one stage after the other", async () => {
  const seen = [];
  await read(await zipOf(WHOLE), (progress) => seen.push(progress));
  assert.deepEqual([...new Set(seen.map(({ stage }) => stage))], ["opening", "lists", "names"]);
  assert.equal(seen.at(-1).done, seen.at(-1).total);
});

test("a byte order mark and a last ; are passed over", async () => {
  const text = `\ufeff${following("11").trimEnd()};\n`;
  assert.deepEqual(linesOf(await read({ "following.js": text })), ["11,,f"]);
});

test("the manifest names the owner, and tells of missing parts", async () => {
  const manifest = {
    userInfo: { accountId: "7", userName: "alice" },
    dataTypes: { following: { files: [{ count: "2" }] } },
  };
  const files = {
    "following.js": following("11"),
    "manifest.js": `window.__THAR_CONFIG = ${JSON.stringify(manifest)};\n`,
  };
  const reading = await read(files);
  assert.deepEqual(reading.owner, { id: "7", handle: "alice" });
  assert.deepEqual(reading.notices, ["refused-missing", "parts-missing", "names-missing"]);
});

test("an archive of somebody who follows nobody is no error", async () => {
  assert.deepEqual((await read({ "following.js": following() })).notices, ["nobody"]);
  const reading = await read({ "following.js": following(), "follower.js": WHOLE["data/follower.js"] });
  assert.deepEqual(reading.notices, ["zero-follows", "names-missing"]);
  assert.deepEqual(linesOf(reading), ["12,,r", "14,,r"]);
});

test("without block.js or mute.js it is said that whoever stands there may be chosen", async () => {
  for (const missing of ["data/block.js", "data/mute.js"]) {
    const { [missing]: _, ...others } = WHOLE;
    assert.deepEqual((await read(await zipOf(others))).notices, ["refused-missing"], missing);
  }
});

test("without following.js the other lists are read, and it is said", async () => {
  const { "data/following.js": _, "data/following-part1.js": __, ...others } = WHOLE;
  assert.deepEqual((await read(await zipOf(others))).notices, ["following-missing"]);
});

test("posts that cannot be understood cost names, not people", async () => {
  for (const tweets of [
    "window.YTD.tweets.part0 = [{",
    "<html lang=en>",
    "",
    "window.YTD.tweets.part0 = [1]",
    `window.YTD.tweets.part0 = [{"screen_name"}]`,
  ]) {
    const reading = await read({ ...loose(WHOLE), "tweets.js": tweets });
    assert.deepEqual(reading.notices, ["names-unread", "left-out"], tweets);
    assert.equal(reading.people.size, 5);
  }
});

test("a million people on one list are read, and not one more", async () => {
  const lines = Array.from(
    { length: MAX_ROWS_PER_LIST },
    (_, i) => `{"following":{"accountId":"${1_000_000_000_000 + i}"}}`,
  );
  const many = `window.YTD.following.part0 = [${lines.join(",")}]`;
  const { people } = await read({ "following.js": many });
  assert.equal(people.size, MAX_ROWS_PER_LIST);
  assert.throws(() => people.add("following", "1", "following.js"), {
    name: "ArchiveError",
    code: "too-many-rows",
  });
  people.add("follower", "1", "follower.js");
});

const LOOSE = {
  "no file": [{}, "nothing-chosen"],
  "requests instead of a list": [{ "follower-requests.js": "x" }, "look-alike"],
  "a script of another kind": [{ "app.js": "x" }, "no-follow-list"],
  "posts alone": [{ "tweets.js": WHOLE["data/tweets.js"] }, "no-follow-list"],
  "tweets.csv": [{ "tweets.csv": "a,b" }, "csv-era"],
  "another list, renamed": [{ "following.js": WHOLE["data/follower.js"] }, "wrong-prefix"],
  "a page, renamed": [{ "following.js": "<html lang=en>" }, "wrong-prefix"],
  "no assignment": [{ "following.js": JSON.stringify(rows("following", ["1"])) }, "no-assignment"],
  "an empty file": [{ "following.js": "" }, "file-empty"],
  "JSON cut short": [{ "following.js": following("11").slice(0, -5) }, "not-json"],
  "JSON with a comment": [{ "following.js": following("11").replace("[", "[ /* */") }, "not-json"],
  "other rows": [{ "following.js": part("following", rows("follower", ["1"])) }, "wrong-shape"],
  "one object, no list": [{ "following.js": "window.YTD.following.part0 = {}" }, "wrong-shape"],
  "numbers for strings": [
    { "following.js": part("following", rows("following", [1234567890123456789n].map(Number))) },
    "numbers-for-strings",
  ],
  "30 digits": [{ "following.js": following("1".repeat(30)) }, "bad-id"],
  "a row of 70 kB": [
    { "following.js": part("following", [{ following: { accountId: "1", userLink: "x".repeat(70_000) } }]) },
    "row-too-long",
  ],
  "two of one name": [
    { "a/following.js": following("1"), "b/following.js": following("2") },
    "several-archives",
  ],
};
for (const [what, [files, code]] of Object.entries(LOOSE)) {
  test(`${what}: ${code}`, () => refuses(read(files), code));
}

const HEADS = {
  "not-a-zip": ["hello", "\x89PNG", "%PDF-1.7", "PK\x09\x09"],
  "not-a-zip-packed": [
    "Rar!\x1a\x07",
    "7z\xbc\xaf\x27\x1c",
    "\x1f\x8b\x08",
    "BZh9",
    "\xfd7zXZ\0",
    `${"a".repeat(257)}ustar`,
  ],
  "not-a-zip-page": [
    "<!DOCTYPE html>",
    "\n<html>",
    "\xef\xbb\xbf<!doctype html>",
    "<?xml version=",
    "<!-- saved from -->",
  ],
  "file-empty": [""],
  "zip-truncated": [`PK\x03\x04${"x".repeat(1_000)}`],
};
for (const [code, heads] of Object.entries(HEADS)) {
  for (const head of heads) {
    test(`a file that begins with ${JSON.stringify(head.slice(-16))}: ${code}`, () => {
      const bytes = Uint8Array.from(head, (character) => character.charCodeAt(0));
      return refuses(read(new File([bytes], "twitter.zip")), code);
    });
  }
}

test("a broken ZIP among others, or among files, is named", async () => {
  await refuses(read({ "a.zip": "PK", "b.zip": "PK" }), "not-a-zip", "a.zip");
  await refuses(read({ "a.zip": "PK", "following.js": following("1") }), "not-a-zip", "a.zip");
});

test("an account with a number costs its name, not people", async () => {
  const account = part("account", [{ account: { accountId: 7 } }]);
  const reading = await read({ "following.js": following("1"), "account.js": account });
  assert.deepEqual(reading.notices, ["about-unread", "refused-missing", "names-missing"]);
  assert.equal(reading.people.size, 1);
});

test("a file that cannot be read any more is named", async () => {
  const file = new File([following("1")], "following.js");
  file.stream = () =>
    new ReadableStream({
      start: (controller) => controller.error(new DOMException("gone", "NotReadableError")),
    });
  const { readArchive } = await import("../../../web/static/js/archive/read.js");
  await refuses(readArchive([{ path: file.name, file }]), "unreadable", "following.js");
});
