import assert from "node:assert/strict";
import test from "node:test";
import { chooseFiles } from "../../../web/static/js/archive/choose.js";
import { isCsvEra, isLookAlike, recognise } from "../../../web/static/js/archive/names.js";

const TAKEN = {
  "data/following.js": ["following", 0, "data"],
  "following.js": ["following", 0, ""],
  "data/following-part1.js": ["following", 1, "data"],
  "twitter-2024/data/follower-part12.js": ["follower", 12, "twitter-2024/data"],
  "data/block.js": ["block", 0, "data"],
  "data/mute.js": ["mute", 0, "data"],
  "data/tweet.js": ["tweets", 0, "data"],
  "data/tweets-part3.js": ["tweets", 3, "data"],
  "data/account.js": ["account", 0, "data"],
  "data/manifest.js": ["manifest", 0, "data"],
  "data/following.json": ["following", 0, "data"],
  "data/Following.JS.txt": ["following", 0, "data"],
  "data/following (2).js": ["following", 0, "data"],
  "./following.js": ["following", 0, ""],
  "data//following.js": ["following", 0, "data"],
  "a\\data\\following.js": ["following", 0, "a/data"],
  "Archive 14:30/data/following.js": ["following", 0, "Archive 14:30/data"],
};
for (const [path, [kind, part, folder]] of Object.entries(TAKEN)) {
  test(`${path} is read`, () => {
    assert.deepEqual(recognise(path), { kind, part, folder, name: path.split(/[\\/]/).pop() });
  });
}

const LEFT = [
  "data/follower-requests.js",
  "data/following-requests.js",
  "data/smartblock-following.js",
  "data/lists-created.js",
  "data/following.js.bak",
  "data/following-part.js",
  "data/following-part-1.js",
  "data/following-part1234567.js",
  "data/account-part1.js",
  "data/xfollowing.js",
  "data/._following.js",
  "data/direct-messages.js",
  "data/following.js/",
  "",
  "/",
];
/** A name that climbs could be written anywhere by an unpacker; here it names no file at all. */
const CLIMBING = [
  "../following.js",
  "data/../following.js",
  "data/../../data/following.js",
  "/data/following.js",
  "//following.js",
  "C:/data/following.js",
  "C:following.js",
  "..\\following.js",
  "data/following.js\0",
  `${"a/".repeat(600)}following.js`,
];
for (const path of [...LEFT, ...CLIMBING]) {
  test(`${JSON.stringify(path.slice(0, 40))} is not read`, () => assert.equal(recognise(path), null));
}

const choice = (...paths) => chooseFiles(paths.map((path) => ({ ...recognise(path), source: "a.zip" })));
const chosenOf = async (...paths) =>
  (await choice(...paths)).files.map(({ folder, name }) => (folder ? `${folder}/${name}` : name));
const codeOf = async (...paths) => (await choice(...paths)).conflict?.code ?? null;

test("whose archive it is comes first, then lists in the order of their parts, and posts last", async () => {
  assert.deepEqual(
    await chosenOf(
      "data/tweets.js",
      "data/following-part10.js",
      "data/account.js",
      "data/following-part2.js",
      "data/mute.js",
      "data/following.js",
    ),
    [
      "data/account.js",
      "data/following.js",
      "data/following-part2.js",
      "data/following-part10.js",
      "data/mute.js",
      "data/tweets.js",
    ],
  );
});

test("the folder named data goes before copies elsewhere", async () => {
  assert.deepEqual(await chosenOf("following.js", "x/data/following.js", "x/data/account.js", "x/account.js"), [
    "x/data/account.js",
    "x/data/following.js",
  ]);
});

test("two archives at once are refused: people of one would be shown as those of the other", async () => {
  assert.equal(await codeOf("a/data/following.js", "b/data/following.js"), "several-archives");
  assert.equal(await codeOf("data/following.js", "data/following.js"), "same-file-twice");
  assert.equal(await codeOf("data/following.js", "data/tweet.js", "data/tweets.js"), null);
});

test("a thousand parts are enough", async () => {
  const parts = Array.from({ length: 1_001 }, (_, part) => `data/following-part${part}.js`);
  await assert.rejects(choice(...parts), { name: "ArchiveError", code: "zip-too-many-files" });
});

test("archives from before 2019 are known by their files", () => {
  for (const path of ["tweets.csv", "x/tweets.csv", "data/js/tweets/2012_01.js", "data/csv/2012_01.csv"])
    assert.ok(isCsvEra(path), path);
  for (const path of ["data/tweets.js", "my-tweets.csv", "data/following.js"])
    assert.ok(!isCsvEra(path), path);
});

test("requests and other lists are known for what they are", () => {
  for (const path of [
    "follower-requests.js",
    "data/following-requests.js",
    "smartblock-following.js",
    "lists-member.js",
  ]) {
    assert.ok(isLookAlike(path), path);
  }
  for (const path of ["following.js", "follower.js", "lists.js"]) assert.ok(!isLookAlike(path), path);
});
