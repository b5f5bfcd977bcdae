// @ts-check
import { ownerLine, pairLines } from "./pairs.js";
import { LETTERS } from "./people.js";

/** @typedef {import("./people.js").Row} Row */

/**
 * What of a reading is shown and sent: the people in portions, each as many as a server looks up at once. Those whom the
 * owner blocked or muted are in each: their accounts are refused whoever leads there. They are counted in their own alone.
 *
 * @typedef {{ pairs: Blob, people: number, named: number }} Portion
 * @typedef {{
 *   portions: Portion[],
 *   owner: string,
 *   people: number,
 *   named: number,
 *   notices: import("./errors.js").Notice[],
 *   badRows: number,
 *   leftOut: string[],
 * }} Summary - `people` on the lists, `named` of them known by name
 */

/**
 * @param {import("./read.js").Reading} reading
 * @param {number} maxPeople - in one portion
 * @returns {Summary}
 */
export function summarise({ people, owner, notices, badRows, leftOut }, maxPeople) {
  const rows = people.rows();
  const refused = people.size > maxPeople ? refusedOf(people, Math.floor(maxPeople / 2)) : [];
  const size = maxPeople - refused.length;
  /** @type {Portion[]} */
  const portions = [];
  for (let left = people.size; left > 0; left -= size) portions.push(portionOf(rows, size, refused));
  return {
    portions,
    owner: ownerLine(owner),
    people: people.size,
    named: portions.reduce((sum, portion) => sum + portion.named, 0),
    notices: portions.length > 1 ? ["not-everybody", ...notices] : notices,
    badRows,
    leftOut,
  };
}

/**
 * @param {Iterator<Row>} rows
 * @param {number} size
 * @param {readonly Row[]} refused - who stand beside them
 * @returns {Portion}
 */
function portionOf(rows, size, refused) {
  /** @type {string[]} */
  const pieces = [];
  let people = 0;
  let named = 0;
  /** @type {Set<string>} */
  const here = new Set();
  for (const piece of pairLines(some(rows, size, here))) {
    people += piece.people;
    named += piece.named;
    pieces.push(piece.text);
  }
  const beside = refused.filter(({ id }) => !here.has(id));
  for (const piece of pairLines(beside)) pieces.push(piece.text);
  return { pairs: new Blob(pieces, { type: "text/plain" }), people, named };
}

/**
 * The next of `rows`, which stay open: a `for … of` would end them.
 * @param {Iterator<Row>} rows
 * @param {number} most
 * @param {Set<string>} refused - takes the ids of those among them who are refused
 * @returns {Generator<Row>}
 */
function* some(rows, most, refused) {
  for (let taken = 0; taken < most; taken++) {
    const next = rows.next();
    if (next.done) return;
    if (isRefused(next.value)) refused.add(next.value.id);
    yield next.value;
  }
}

/**
 * @param {import("./people.js").People} people
 * @param {number} most
 */
function refusedOf(people, most) {
  /** @type {Row[]} */
  const refused = [];
  for (const row of people.rows()) {
    if (refused.length === most) break;
    if (isRefused(row)) refused.push(row);
  }
  return refused;
}

/** @param {Row} row */
function isRefused({ lists }) {
  return lists.includes(LETTERS.block) || lists.includes(LETTERS.mute);
}
