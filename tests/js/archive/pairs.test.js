import assert from "node:assert/strict";
import test from "node:test";
import { ownerLine, pairLines } from "../../../web/static/js/archive/pairs.js";
import { People } from "../../../web/static/js/archive/people.js";
import { summarise } from "../../../web/static/js/archive/summary.js";

function peopleOf(count) {
  const people = new People();
  for (let id = 1; id <= count; id++) people.add("follower", String(id), "follower.js");
  return people;
}

test("a line holds number, name, lists and the day of the name, and nothing else", () => {
  const people = new People();
  for (const list of ["following", "follower", "block", "mute"]) people.add(list, "12", `${list}.js`);
  people.add("mute", "13", "mute.js");
  people.see("12", "Alice", 1n);
  people.see("13", "bob", 10n ** 18n);
  assert.deepEqual(
    [...pairLines(people.rows())],
    [{ text: "12,Alice,frbm\n13,bob,m,2018-05-25\n", people: 2, named: 2 }],
  );
});

test("long lists come in pieces that join to the whole", () => {
  const pieces = [...pairLines(peopleOf(25_001).rows())];
  assert.deepEqual(
    pieces.map(({ people }) => people),
    [10_000, 10_000, 5_001],
  );
  assert.equal(
    pieces
      .map(({ text }) => text)
      .join("")
      .split("\n").length,
    25_002,
  );
});

test("no more people leave at once than are asked for, and nobody stays behind", async () => {
  const people = peopleOf(20_000);
  for (const most of [1_000, 9_999, 10_000, 10_001, 20_000, 30_000]) {
    const reading = { people, owner: null, notices: [], badRows: 0, leftOut: [] };
    const { portions, notices } = summarise(reading, most);
    const texts = await Promise.all(portions.map(({ pairs }) => pairs.text()));
    for (const [index, text] of texts.entries()) {
      const left = 20_000 - index * most;
      assert.equal(text.split("\n").length - 1, Math.min(most, left));
      assert.equal(portions[index].people, Math.min(most, left));
    }
    assert.equal(texts.join(""), [...pairLines(people.rows())].map(({ text }) => text).join(""));
    assert.deepEqual(notices, most < 20_000 ? ["not-everybody"] : []);
  }
  assert.deepEqual([...pairLines([])], []);
});

test("the owner is one line, or nothing", () => {
  assert.equal(ownerLine({ id: "7", handle: "alice" }), "7,alice");
  assert.equal(ownerLine({ id: "7", handle: null }), "7,");
  assert.equal(ownerLine(null), "");
});
