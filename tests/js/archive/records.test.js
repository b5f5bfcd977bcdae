import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { ArchiveError } from "../../../web/static/js/archive/errors.js";
import { Handles } from "../../../web/static/js/archive/handles.js";
import { pairLines } from "../../../web/static/js/archive/pairs.js";
import { People } from "../../../web/static/js/archive/people.js";
import { readAccount, readManifest, readMentions, readRow } from "../../../web/static/js/archive/records.js";
import { encode, post } from "./helpers.js";

const bytesOf = (value) => encode(typeof value === "string" ? value : JSON.stringify(value));
const codeOf = (run) => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ArchiveError, String(error));
    return error.code;
  }
  return null;
};

test("a row is its account number; its link may be on any site", () => {
  const userLink = "https://x.com/intent/user?user_id=1";
  assert.equal(
    readRow("following", bytesOf({ following: { accountId: "9223372036854775807", userLink } }), "f.js"),
    "9223372036854775807",
  );
  assert.equal(readRow("block", bytesOf({ blocking: { accountId: "12" } }), "b.js"), "12");
  assert.equal(readRow("mute", bytesOf({ muting: { accountId: "13" } }), "m.js"), "13");
});

const ID_CODES = [
  [12, "numbers-for-strings"],
  [1.5e18, "numbers-for-strings"],
  ["", "bad-id"],
  ["0", "bad-id"],
  ["012", "bad-id"],
  ["+12", "bad-id"],
  [" 12", "bad-id"],
  ["12\n", "bad-id"],
  ["1e3", "bad-id"],
  ["١٢", "bad-id"],
  ["9223372036854775808", "bad-id"],
  ["123456789012345678901234567890", "bad-id"],
  [null, "wrong-shape"],
  [["12"], "wrong-shape"],
  [undefined, "wrong-shape"],
];
for (const [accountId, code] of ID_CODES) {
  test(`the account number ${JSON.stringify(accountId)} is refused: ${code}`, () => {
    assert.equal(
      codeOf(() => readRow("following", bytesOf({ following: { accountId } }), "f.js")),
      code,
    );
  });
}

test("a list under another's name is refused, not read as that one", () => {
  const row = bytesOf({ follower: { accountId: "12" } });
  assert.equal(
    codeOf(() => readRow("following", row, "following.js")),
    "wrong-shape",
  );
  for (const text of ["{}", '{"following":null}', '{"following":"12"}', '{"following":[]}']) {
    assert.equal(
      codeOf(() => readRow("following", bytesOf(text), "following.js")),
      "wrong-shape",
      text,
    );
  }
  assert.equal(
    codeOf(() => readRow("following", bytesOf('{"following":{"accountId":NaN}}'), "f.js")),
    "not-json",
  );
  assert.equal(
    codeOf(() => readRow("following", Uint8Array.of(0x7b, 0xff, 0x7d), "f.js")),
    "not-json",
  );
});

test("of an account nothing is kept but number and name", () => {
  const account = { email: "somebody@example.org", accountId: "7", username: "alice", createdAt: "2010" };
  assert.deepEqual(readAccount(bytesOf([{ account }]), "account.js"), { id: "7", handle: "alice" });
  assert.deepEqual(readAccount(bytesOf([{ account: { accountId: "7", username: "a b" } }]), "account.js"), {
    id: "7",
    handle: null,
  });
});

test("a manifest says whose it is and what it counts, as far as it does", () => {
  const dataTypes = {
    following: { files: [{ count: "3" }, { count: 4 }] },
    follower: {},
    mute: { files: "x" },
    block: { files: [null] },
  };
  const userInfo = { accountId: "7", userName: "alice" };
  assert.deepEqual(readManifest(bytesOf({ userInfo, dataTypes }), "m.js"), {
    owner: { id: "7", handle: "alice" },
    counts: { following: 7, block: 0 },
    isPartial: false,
  });
  assert.deepEqual(readManifest(bytesOf({}), "m.js"), { owner: null, counts: {}, isPartial: false });
  assert.equal(
    codeOf(() => readManifest(bytesOf("[]"), "m.js")),
    "wrong-shape",
  );
});

/** The name of somebody after these posts, when these people are on the lists. */
function nameAfter(id, people, ...posts) {
  const all = new People();
  for (const each of people) all.add("following", each, "following.js");
  for (const each of posts) readMentions(bytesOf(each), all, "tweets.js");
  return [...all.rows()].find((row) => row.id === id)?.handle ?? null;
}

test("posts name people, wrapped or bare", () => {
  assert.equal(nameAfter("5", ["5"], post("100", { 5: "bob" })), "bob");
  assert.equal(nameAfter("5", ["5"], post("100", { 5: "bob" }).tweet), "bob");
});

test("the newest mention wins, by digits and not by text", () => {
  const posts = [post("99", { 5: "old" }), post("1000", { 5: "new" }), post("999", { 5: "middle" })];
  assert.equal(nameAfter("5", ["5"], ...posts), "new");
  assert.equal(nameAfter("5", ["5"], ...posts.reverse()), "new");
});

test("only people on the lists are named", () => {
  assert.equal(nameAfter("6", ["5"], post("1", { 6: "stranger" })), null);
});

/**
 * X gives a handle to somebody else after a while. Whoever took the old handle of somebody on the list would
 * be found by that name, and followed: a stranger.
 */
test("a name that passed to another account is forgotten", () => {
  const posts = [post("100", { 5: "alice" }), post("200", { 6: "ALICE" })];
  for (const order of [posts, [...posts].reverse()]) {
    assert.equal(nameAfter("5", ["5"], ...order), null);
    assert.equal(nameAfter("6", ["6"], ...order), "ALICE");
  }
});

test("post ids beyond 2^53 are told apart to the last digit", () => {
  const posts = [post("1800000000000000001", { 5: "old" }), post("1800000000000000002", { 5: "new" })];
  assert.equal(nameAfter("5", ["5"], ...posts), "new");
  assert.equal(nameAfter("5", ["5"], ...posts.reverse()), "new");
});

test("between two people on the lists, the newer bearer has the name", () => {
  const posts = [post("100", { 5: "alice" }), post("200", { 6: "alice" }), post("300", { 5: "alice_new" })];
  assert.equal(nameAfter("5", ["5", "6"], ...posts), "alice_new");
  assert.equal(nameAfter("6", ["5", "6"], ...posts), "alice");
});

test("a post without a number names people, until another does", () => {
  assert.equal(nameAfter("5", ["5"], post(null, { 5: "bob" })), "bob");
  assert.equal(nameAfter("5", ["5"], post(null, { 5: "bob" }), post("1", { 5: "rob" })), "rob");
});

test("strangers are remembered up to a limit, people on the lists always", () => {
  const handles = new Handles(1);
  handles.see(undefined, "one", 1n);
  handles.see(undefined, "two", 1n);
  handles.see(undefined, "two", 1n, false);
  for (let person = 0; person < 3_000; person++) handles.see(person, `name${person}`, 1n);
  assert.ok(handles.bearers.find("one") && !handles.bearers.find("two"));
  assert.equal(handles.undatedBearers.find("two"), null);
  assert.equal(handles.of(2_999), "name2999");
  assert.equal(handles.of(3_000), null);
});

test("mentions that name nobody are passed over", () => {
  const mentions = [
    { screen_name: "a b", id_str: "5" },
    { screen_name: "twenty_one_letters_ok", id_str: "5" },
    { screen_name: "🚲", id_str: "5" },
    { screen_name: 5, id_str: "5" },
    { screen_name: "numeric", id_str: 5 },
    { screen_name: "minus", id_str: "-1" },
    null,
    "screen_name",
  ];
  for (const user_mentions of [mentions, {}, null, "x"]) {
    const odd = { tweet: { id_str: "1", entities: { user_mentions }, screen_name: "x" } };
    assert.equal(nameAfter("5", ["5"], odd), null);
  }
  for (const each of [
    { tweet: { screen_name: "x" } },
    { tweet: [], screen_name: "x" },
    { screen_name: "x", entities: [] },
  ])
    nameAfter("5", ["5"], each);
});

const SEEN_CASES = JSON.parse(readFileSync(new URL("./seen.json", import.meta.url), "utf-8"));
for (const { what, tweets, beside, line } of SEEN_CASES) {
  test(`seen: ${what}`, () => {
    const people = new People();
    people.add("following", "12", "following.js");
    for (const [number, [id, handle], full_text] of tweets) {
      const { tweet } = post(number, { [id]: handle });
      readMentions(bytesOf({ tweet: { ...tweet, full_text, ...beside } }), people, "tweets.js");
    }
    assert.equal([...pairLines(people.rows(), 1)][0].text, `${line}\n`);
  });
}
