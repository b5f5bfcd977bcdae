// @ts-check
import { ownerLine, pairLines } from "./pairs.js";

/**
 * What of a reading is shown and sent: the people in portions, each as many as a server looks up at once.
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
  /** @type {Portion[]} */
  const portions = [];
  for (let left = people.size; left > 0; left -= maxPeople) portions.push(portionOf(rows, maxPeople));
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
 * @param {Iterator<import("./people.js").Row>} rows
 * @param {number} maxPeople
 * @returns {Portion}
 */
function portionOf(rows, maxPeople) {
  /** @type {string[]} */
  const pieces = [];
  let people = 0;
  let named = 0;
  for (const piece of pairLines(some(rows, maxPeople))) {
    people += piece.people;
    named += piece.named;
    pieces.push(piece.text);
  }
  return { pairs: new Blob(pieces, { type: "text/plain" }), people, named };
}

/**
 * The next of `items`, which stay open: a `for … of` would end them.
 * @template T
 * @param {Iterator<T>} items
 * @param {number} most
 * @returns {Generator<T>}
 */
function* some(items, most) {
  for (let taken = 0; taken < most; taken++) {
    const next = items.next();
    if (next.done) return;
    yield next.value;
  }
}
