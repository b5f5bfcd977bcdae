// @ts-check
import { Column } from "./column.js";
import { MAX_STRANGERS } from "./limits.js";

const NOBODY_LISTED = -1;
/** Above the ranks of all mentions without a day: the id of a post is less. */
const DATED = 1n << 63n;

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
    /** @type {string[]} by person */
    this.handles = [];
    /** the rank of the post that named a person so; 0 for no post */
    this.posts = new Column(BigUint64Array);
    const room = { left: maxStrangers };
    this.bearers = new Bearers(room);
    /** by retweets: they bore the handle in that post at the latest */
    this.undatedBearers = new Bearers(room);
  }

  /**
   * Takes a mention; the order does not matter. One without a day is the last resort.
   * @param {number | undefined} person - undefined for somebody on no list
   * @param {string} handle
   * @param {bigint} post - its id, which grows with time; 0 if it is unknown
   * @param {boolean} [isDated] - false where the mention may be older than the post
   */
  see(person, handle, post, isDated = true) {
    if (person !== undefined && rankOf(post, isDated) > this.posts.get(person)) {
      this.posts.set(person, rankOf(post, isDated));
      this.handles[person] = handle;
    }
    (isDated ? this.bearers : this.undatedBearers).see(person, handle.toLowerCase(), post);
  }

  /**
   * The handle that a person was last mentioned by, unless it was seen with another account since, or may have been.
   * @param {number} person
   */
  of(person) {
    const handle = this.handles[person];
    if (handle === undefined) return null;
    const key = handle.toLowerCase();
    const since = this.bearers.find(key);
    if (since !== null && since.person !== person) return null;
    const maybe = this.undatedBearers.find(key);
    return maybe !== null && maybe.person !== person && maybe.post > postOf(this.posts.get(person)) ? null : handle;
  }

  /**
   * The day of the post that told the handle of a person, as `YYYY-MM-DD`; null where there is none to tell.
   * @param {number} person
   */
  seenOf(person) {
    const rank = this.posts.get(person);
    return this.of(person) === null || !isDatedRank(rank) ? null : dayOf(postOf(rank));
  }
}

/** The newest bearer of each handle. */
class Bearers {
  /** @param {{ left: number }} room - for handles of strangers */
  constructor(room) {
    this.room = room;
    /** @type {Map<string, number>} a slot in the two columns below, by handle in lower case */
    this.slots = new Map();
    this.persons = new Column(Int32Array);
    this.posts = new Column(BigUint64Array);
  }

  /**
   * @param {number | undefined} person
   * @param {string} key
   * @param {bigint} post
   */
  see(person, key, post) {
    const slot = this.slots.get(key) ?? this.slots.size;
    if (slot < this.slots.size) {
      if (post <= this.posts.get(slot)) return;
    } else {
      if (person === undefined && this.room.left-- <= 0) return;
      this.slots.set(key, slot);
    }
    this.persons.set(slot, person ?? NOBODY_LISTED);
    this.posts.set(slot, post);
  }

  /** @param {string} key */
  find(key) {
    const slot = this.slots.get(key);
    return slot === undefined ? null : { person: this.persons.get(slot), post: this.posts.get(slot) };
  }
}

/**
 * What a mention is ranked by: dated ones above all others, and 0 below all. It has 64 bits, an id has 63.
 * @param {bigint} post
 * @param {boolean} isDated
 */
function rankOf(post, isDated) {
  if (isDated) return DATED + post;
  return post + 1n < DATED ? post + 1n : post;
}

/** @param {bigint} rank */
function isDatedRank(rank) {
  return rank >= DATED;
}

/** @param {bigint} rank */
function postOf(rank) {
  return isDatedRank(rank) ? rank - DATED : rank - 1n;
}

/** @param {bigint} post */
function dayOf(post) {
  if (post < FIRST_TIMED_POST) return null;
  return new Date(Number((post >> 22n) + X_EPOCH_MS)).toISOString().slice(0, 10);
}
