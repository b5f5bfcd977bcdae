// @ts-check

/** @typedef {import("./people.js").Row} Row */

/** Rows in one piece of the text, so that it is never held twice. */
const ROWS_PER_PIECE = 10_000;

/**
 * All that leaves this device: one line a person, `id,handle,lists`, the handle empty if unknown, and
 * `,seen` where the day is known on which the handle was seen.
 * @param {Iterable<Row>} rows
 * @returns {Generator<{ text: string, people: number, named: number }>} pieces of the text
 */
export function* pairLines(rows) {
  /** @type {string[]} */
  let lines = [];
  let named = 0;
  for (const { id, handle, lists, seen } of rows) {
    lines.push(`${id},${handle ?? ""},${lists}${seen === null ? "" : `,${seen}`}\n`);
    if (handle !== null) named++;
    if (lines.length === ROWS_PER_PIECE) {
      yield { text: lines.join(""), people: lines.length, named };
      lines = [];
      named = 0;
    }
  }
  if (lines.length > 0) yield { text: lines.join(""), people: lines.length, named };
}

/**
 * `id,handle` of the archive's owner, or "" if it is not known.
 * @param {{ id: string, handle: string | null } | null} owner
 */
export function ownerLine(owner) {
  return owner ? `${owner.id},${owner.handle ?? ""}` : "";
}
