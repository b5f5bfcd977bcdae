import assert from "node:assert/strict";
import test from "node:test";
import { MAX_TWEETS_BYTES } from "../../../web/static/js/archive/limits.js";
import { encode, following, linesOf, part, post, read, refuses, zipOf } from "./helpers.js";

const FOLLOWING = { "data/following.js": following("11") };

const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());
const fileOf = (bytes) => new File([bytes], "twitter.zip");

/** Changes bytes of a ZIP where the text `at` stands (the last one by default), by `change(view, offset)`. */
async function patched(file, signature, change) {
  const bytes = await bytesOf(file);
  const at = Buffer.from(bytes.buffer).lastIndexOf(Buffer.from(signature, "latin1"));
  assert.ok(at >= 0);
  change(new DataView(bytes.buffer), at);
  return fileOf(bytes);
}
const CENTRAL = "PK\x01\x02";
const LOCAL = "PK\x03\x04";
const END = "PK\x05\x06";

test("every cut of a ZIP is refused, and nothing else escapes", async () => {
  const bytes = await bytesOf(await zipOf(FOLLOWING));
  for (let length = 4; length < bytes.length; length++) {
    await assert.rejects(
      read(fileOf(bytes.subarray(0, length))),
      { name: "ArchiveError", code: /^zip-(truncated|broken)$/ },
      String(length),
    );
  }
});

test("every changed byte of a ZIP gives the same people, or an ArchiveError", async () => {
  const bytes = await bytesOf(await zipOf(FOLLOWING));
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at] ^= 0xff;
    try {
      assert.deepEqual(linesOf(await read(fileOf(changed))), ["11,,f"]);
    } catch (error) {
      assert.equal(error.name, "ArchiveError", `${at}: ${error.stack}`);
      assert.notEqual(error.code, "reader-failed", `${at}: ${error.cause?.stack}`);
    }
  }
});

test("an entry with a password is refused, with either method", async () => {
  for (const options of [
    { password: "x", zipCrypto: true },
    { rawPassword: encode("x"), zipCrypto: true },
  ]) {
    await refuses(
      read(await zipOf({ "data/following.js": [following("11"), options] })),
      "zip-encrypted",
      "following.js",
    );
  }
  const aes = await patched(await zipOf(FOLLOWING), CENTRAL, (view, at) =>
    view.setUint16(at + 8, view.getUint16(at + 8, true) | 1, true),
  );
  await refuses(read(aes), "zip-encrypted", "following.js");
});

test("a password on files that are not opened does not matter", async () => {
  const files = { ...FOLLOWING, "data/direct-messages.js": ["secret", { password: "x", zipCrypto: true }] };
  assert.deepEqual(linesOf(await read(await zipOf(files))), ["11,,f"]);
});

test("a method that browsers do not know is refused", async () => {
  const lzma = await patched(await zipOf(FOLLOWING), CENTRAL, (view, at) =>
    view.setUint16(at + 10, 14, true),
  );
  await refuses(read(lzma), "zip-method", "following.js");
});

test("an archive inside a ZIP is pointed out", async () => {
  const inner = await bytesOf(await zipOf(FOLLOWING));
  await refuses(read(await zipOf({ "twitter-2024.zip": inner })), "zip-nested");
  await refuses(read(await zipOf({ "x/twitter-2024.ZIP": inner, "readme.txt": "x" })), "zip-nested");
});

test("an archive from before 2019 is pointed out", async () => {
  await refuses(
    read(await zipOf({ "tweets.csv": "x", "index.html": "x", "data/js/tweets/2012_01.js": "x" })),
    "csv-era",
  );
});

test("a ZIP of something else holds no list", async () => {
  await refuses(read(await zipOf({ "holiday/1.jpg": "x" })), "no-follow-list");
  await refuses(read(await zipOf({})), "no-follow-list");
});

test("a ZIP with names that climb is not opened, wherever they would lead", async () => {
  const files = { "../following.js": following("66"), "/data/following.js": following("67"), ...FOLLOWING };
  const renamed = (await bytesOf(await zipOf({ "xx/following.js": following("66"), ...FOLLOWING }))).slice();
  const text = Buffer.from(renamed.buffer);
  for (let at = text.indexOf("xx/"); at >= 0; at = text.indexOf("xx/", at + 1))
    renamed.set(encode("../"), at);
  for (const archive of [await zipOf(files).catch(() => null), fileOf(renamed)]) {
    if (archive) await refuses(read(archive), "unsafe-path");
  }
  assert.ok(text.includes("../following.js"));
});

/** 20 MB of spaces in 20 kB: inflated in full it would be harmless; a hundred thousand times that would not. */
test("what unpacks to far more than it can hold is not opened", async () => {
  const spaces = " ".repeat(20 * 1024 * 1024);
  const bomb = await zipOf({ "data/following.js": `window.YTD.following.part0 = [${spaces}]` });
  assert.ok(bomb.size < 100_000);
  await refuses(read(bomb), "zip-bomb", "following.js");
});

/** A directory that lies about the size would slip below the limits; the data may not be longer than it says. */
test("data longer than its directory says is refused", async () => {
  const archive = await zipOf({
    "data/following.js": following(...Array.from({ length: 5_000 }, (_, i) => String(i + 1))),
  });
  const lie = (view, at) => view.setUint32(at, 100, true);
  const lying = await patched(
    await patched(archive, CENTRAL, (view, at) => lie(view, at + 24)),
    LOCAL,
    (view, at) => lie(view, at + 22),
  );
  await refuses(read(lying), "zip-broken", "following.js");
});

test("posts beyond the limit cost names, not people", async () => {
  const zip64 = { zip64: true };
  const archive = await zipOf({
    ...FOLLOWING,
    "data/tweets.js": [part("tweets", [post("1", { 11: "bob" })]), zip64],
  });
  const huge = await patched(archive, CENTRAL, (view, at) => {
    const extra = at + 46 + view.getUint16(at + 28, true);
    assert.equal(view.getUint16(extra, true), 1);
    view.setBigUint64(extra + 4, BigInt(MAX_TWEETS_BYTES) + 1n, true);
    view.setBigUint64(extra + 12, BigInt(MAX_TWEETS_BYTES), true);
  });
  const reading = await read(huge);
  assert.deepEqual(reading.notices, ["names-unread", "refused-missing"]);
  assert.equal(reading.people.size, 1);
});

test("damaged posts cost names, not people", async () => {
  const archive = await zipOf({ ...FOLLOWING, "data/tweets.js": part("tweets", [post("1", { 11: "bob" })]) });
  const damaged = await patched(archive, CENTRAL, (view, at) => view.setUint32(at + 16, 1, true));
  const reading = await read(damaged);
  assert.deepEqual(reading.notices, ["names-unread", "refused-missing"]);
  assert.equal(reading.people.size, 1);
});

test("a directory that promises more entries than any archive is not held in memory", async () => {
  const crowded = await patched(await zipOf(FOLLOWING), END, (view, at) =>
    view.setUint32(at + 12, 0xfffffff0, true),
  );
  await assert.rejects(read(crowded), { name: "ArchiveError", code: /^zip-(too-many-files|broken)$/ });
});

test("a volume of a split ZIP is pointed out", async () => {
  const split = await patched(await zipOf(FOLLOWING), END, (view, at) => view.setUint16(at + 4, 3, true));
  await refuses(read(split), "zip-split");
});
