// @ts-check
import { ArchiveError } from "./errors.js";
import { Handles } from "./handles.js";
import { MAX_ROWS_PER_LIST } from "./limits.js";
import { LISTS } from "./names.js";

/**
 * @typedef {import("./names.js").List} List
 * @typedef {{ id: string, handle: string | null, lists: string }} Row - `lists` is a subset of the letters `frbm`
 */

/** f: this person follows them; r: they follow this person; b: blocked; m: muted. */
export const LETTERS = Object.freeze(
  /** @type {Record<List, string>} */ ({ following: "f", follower: "r", block: "b", mute: "m" }),
);
const LETTERS_BY_BITS = Array.from({ length: 1 << LISTS.length }, (_, bits) =>
  LISTS.filter((_, index) => bits & (1 << index)).map((list) => LETTERS[list]).join(""),
);

/** Everybody in the lists of one archive, once. */
export class People {
  constructor() {
    /** @type {Map<string, number>} one bit a list, by id */
    this.lists = new Map();
    /** @type {Record<List, number>} rows as they stand in the files */
    this.counts = { following: 0, follower: 0, block: 0, mute: 0 };
    this.handles = new Handles(this.lists);
  }

  get size() {
    return this.lists.size;
  }

  /**
   * @param {List} list
   * @param {string} id
   * @param {string} file - for the error, when there are too many
   */
  add(list, id, file) {
    if (++this.counts[list] > MAX_ROWS_PER_LIST) throw new ArchiveError("too-many-rows", file);
    this.lists.set(id, (this.lists.get(id) ?? 0) | (1 << LISTS.indexOf(list)));
  }

  /** @returns {Generator<Row>} in the order of the files: those whom this person follows come first */
  *rows() {
    for (const [id, bits] of this.lists) {
      yield { id, handle: this.handles.of(id), lists: LETTERS_BY_BITS[bits] };
    }
  }
}
