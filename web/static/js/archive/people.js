// @ts-check
import { Column } from "./column.js";
import { ArchiveError } from "./errors.js";
import { Handles } from "./handles.js";
import { MAX_PEOPLE, MAX_ROWS_PER_LIST } from "./limits.js";
import { LISTS } from "./names.js";

/**
 * @typedef {import("./names.js").List} List
 * @typedef {{ id: string, handle: string | null, lists: string, seen: string | null }} Row - `lists` is a subset of the
 *   letters `frbm`, `seen` the day on which the handle was seen
 */

/** f: this person follows them; r: they follow this person; b: blocked; m: muted. */
export const LETTERS = Object.freeze(
  /** @type {Record<List, string>} */ ({ following: "f", follower: "r", block: "b", mute: "m" }),
);
const LETTERS_BY_BITS = Array.from({ length: 1 << LISTS.length }, (_, bits) =>
  LISTS.filter((_, index) => bits & (1 << index))
    .map((list) => LETTERS[list])
    .join(""),
);

/** Everybody in the lists of one archive, once. */
export class People {
  constructor() {
    /** @type {Map<string, number>} the place of a person, by id */
    this.places = new Map();
    /** one bit a list, by place */
    this.lists = new Column(Uint8Array);
    /** @type {Record<List, number>} rows as they stand in the files */
    this.counts = { following: 0, follower: 0, block: 0, mute: 0 };
    this.handles = new Handles();
  }

  get size() {
    return this.places.size;
  }

  /**
   * @param {List} list
   * @param {string} id
   * @param {string} file - for the error, when there are too many
   */
  add(list, id, file) {
    const place = this.places.get(id) ?? this.places.size;
    if (place === this.places.size) this.places.set(id, place);
    this.lists.set(place, this.lists.get(place) | (1 << LISTS.indexOf(list)));
    if (++this.counts[list] > MAX_ROWS_PER_LIST || this.size > MAX_PEOPLE)
      throw new ArchiveError("too-many-rows", file);
  }

  /**
   * Takes a mention of anybody, on the lists or not.
   * @param {string} id
   * @param {string} handle
   * @param {bigint} post
   * @param {boolean} isDated - false where the mention may be older than the post
   */
  see(id, handle, post, isDated) {
    this.handles.see(this.places.get(id), handle, post, isDated);
  }

  /** @returns {Generator<Row>} in the order of the files: those whom this person follows come first */
  *rows() {
    for (const [id, place] of this.places) {
      const lists = LETTERS_BY_BITS[this.lists.get(place)];
      yield { id, handle: this.handles.of(place), lists, seen: this.handles.seenOf(place) };
    }
  }
}
