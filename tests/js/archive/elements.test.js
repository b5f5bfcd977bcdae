import assert from "node:assert/strict";
import test from "node:test";
import { ElementFramer } from "../../../web/static/js/archive/elements.js";
import { ArchiveError } from "../../../web/static/js/archive/errors.js";
import { encode, seeded } from "./helpers.js";

/** The objects in a text, fed in chunks whose sizes `next` gives. */
function frame(text, next, maxBytes = 1_000_000) {
  const bytes = typeof text === "string" ? encode(text) : text;
  const found = [];
  const framer = new ElementFramer("x.js", maxBytes, (element) =>
    found.push(new TextDecoder().decode(element).trim()),
  );
  for (let at = 0; at < bytes.length;) {
    const size = next();
    framer.push(bytes.slice(at, at + size));
    at += size;
  }
  framer.end();
  return found;
}

const WORDS = ['"', "\\", "{", "}", "[", "]", ",", ":", "é", "🚲", "\n", "plain", "\u2028", '\\"'];

function randomValue(random, depth) {
  const kind = random(depth > 3 ? 4 : 6);
  if (kind === 0) return random(1_000_000);
  if (kind === 1) return [true, false, null][random(3)];
  if (kind < 4) return Array.from({ length: random(6) }, () => WORDS[random(WORDS.length)]).join("");
  if (kind === 4) return Array.from({ length: random(4) }, () => randomValue(random, depth + 1));
  return randomObject(random, depth + 1);
}

function randomObject(random, depth = 0) {
  return Object.fromEntries(
    Array.from({ length: random(5) }, (_, i) => [
      WORDS[random(WORDS.length)] + i,
      randomValue(random, depth),
    ]),
  );
}

test("any array of objects comes back whole, wherever the chunks are cut", () => {
  const random = seeded(1);
  for (let round = 0; round < 400; round++) {
    const objects = Array.from({ length: random(6) }, () => randomObject(random));
    const text = JSON.stringify(objects, null, random(3)) + [";", "", " ;\n", "\n"][random(4)];
    const largest = 1 + random(40);
    assert.deepEqual(
      frame(text, () => 1 + random(largest)).map((each) => JSON.parse(each)),
      objects,
    );
  }
});

test("every cut into two chunks gives the same objects", () => {
  const text = ' [ {"a":"}\\"{\\\\"} ,\r\n\t{"b":{"c":{}}}, {} ] ; ';
  const length = encode(text).length;
  for (let at = 1; at < length; at++) {
    let first = true;
    const found = frame(text, () => (first ? ((first = false), at) : length));
    assert.deepEqual(found, ['{"a":"}\\"{\\\\"}', '{"b":{"c":{}}}', "{}"]);
  }
});

const BAD = {
  "not-json": [
    "",
    "  ",
    "[",
    "[{}",
    '[{"a":"',
    "[{}]]",
    "[{}] x",
    "[{},]",
    "[,]",
    "]",
    "x",
    "[{}];[",
    "[}",
    "[{}];;",
  ],
  "wrong-shape": ["{}", '"a"', "1", "null", `[${"[".repeat(65)}`],
};
for (const [code, texts] of Object.entries(BAD)) {
  for (const text of texts) {
    test(`${JSON.stringify(text)} is refused: ${code}`, () => {
      assert.throws(
        () => frame(text, () => 1),
        (error) => error instanceof ArchiveError && error.code === code,
      );
    });
  }
}

test("an element may be anything: whether it is JSON is for its reader to say", () => {
  const elements = ["{} {}", "x", "1", '"a,]"', "[1, [2]]", "null", "-1", "{'a': 1}"];
  assert.deepEqual(frame(`[${elements.join(" , ")}]`, () => 1), elements);
});

test("an object without end costs no more memory than the longest that is taken", () => {
  const framer = new ElementFramer("x.js", 100_000, () => assert.fail());
  framer.push(encode('[{"a":"'));
  const chunk = encode("x".repeat(10_000));
  assert.throws(
    () => {
      for (let i = 0; i < 100; i++) framer.push(chunk);
    },
    (error) => error instanceof ArchiveError && error.code === "row-too-long",
  );
  assert.ok(framer.buffer.length <= 100_000);
});

test("bytes of any kind end in objects or in an ArchiveError", () => {
  const random = seeded(2);
  const alphabet = encode('[]{}",;:\\ \n0a\u00e9');
  for (let round = 0; round < 3_000; round++) {
    const bytes = Uint8Array.from({ length: random(30) }, () => alphabet[random(alphabet.length)]);
    try {
      frame(bytes, () => 1 + random(5));
    } catch (error) {
      assert.ok(error instanceof ArchiveError, String(error));
    }
  }
});
