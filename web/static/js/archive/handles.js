// @ts-check
import { Column } from "./column.js";
import { MAX_STRANGERS } from "./limits.js";

const NOBODY_LISTED = -1;

/** The bits above the lowest 22 of a post's number are milliseconds since this time. */
const X_EPOCH_MS = 1_288_834_974_657n;
/** Lower numbers, from before November 2010, were counted and tell no time. */
const FIRST_TIMED_POST = 1n << 35n;

/**
 * Collects the handles by which posts mention people. Only those of people on the lists leave this class.
 *
 * X gives a handle to somebody else after a while. So the newest mention of a handle decides whose it is: a
 * handle that was seen with another account since is left out, or a stranger would be found by it.
 *
 * People are numbers here, their places in the lists; of strangers only the handle is kept. Objects for
 * each would take four times the memory.
 */
export class Handles {
  /** @param {number} [maxStrangers] - handles of people on no list that are remembered */
  constructor(maxStrangers = MAX_STRANGERS) {
    this.strangersLeft = maxStrangers;
    /** @type {string[]} by person */
    this.handles = [];
    /** the post that named a person so, plus 1; 0 for no post */
    this.posts = new Column(BigUint64Array);
    /** @type {Map<string, number>} a slot in the two columns below, by handle in lower case */
    this.slots = new Map();
    this.slotPersons = new Column(Int32Array);
    this.slotPosts = new Column(BigUint64Array);
  }

  /**
   * Takes a mention; the order does not matter.
   * @param {number | undefined} person - undefined for somebody on no list
   * @param {string} handle
   * @param {bigint} post - its id, which grows with time; 0 if it is unknown
   */
  see(person, handle, post) {
    if (person !== undefined && post + 1n > this.posts.get(person)) {
      this.posts.set(person, post + 1n);
      this.handles[person] = handle;
    }
    const key = handle.toLowerCase();
    const slot = this.slots.get(key) ?? this.slots.size;
    if (slot < this.slots.size) {
      if (post <= this.slotPosts.get(slot)) return;
    } else {
      if (person === undefined && this.strangersLeft-- <= 0) return;
      this.slots.set(key, slot);
    }
    this.slotPersons.set(slot, person ?? NOBODY_LISTED);
    this.slotPosts.set(slot, post);
  }

  /**
   * The handle that a person was last mentioned by, unless it was seen with another account since.
   * @param {number} person
   */
  of(person) {
    const handle = this.handles[person];
    if (handle === undefined) return null;
    const slot = /** @type {number} */ (this.slots.get(handle.toLowerCase()));
    return this.slotPersons.get(slot) === person ? handle : null;
  }

  /**
   * The day of the post that told the handle of a person, as `YYYY-MM-DD`; null where there is none to tell.
   * @param {number} person
   */
  seenOf(person) {
    return this.of(person) === null ? null : dayOf(this.posts.get(person) - 1n);
  }
}

/** @param {bigint} post */
function dayOf(post) {
  if (post < FIRST_TIMED_POST) return null;
  return new Date(Number((post >> 22n) + X_EPOCH_MS)).toISOString().slice(0, 10);
}
