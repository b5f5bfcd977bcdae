// @ts-check
import { MAX_STRANGERS } from "./limits.js";

/**
 * The names that posts call people by. Only those of people on the lists are told.
 *
 * X gives a handle to somebody else after a while. So the newest mention of a handle says whose it is: a
 * name that was seen with another account since is not told, or a stranger would be found by it.
 */
export class Handles {
  /**
   * @param {{ has: (id: string) => boolean }} people - those on the lists
   * @param {number} [maxStrangers] - handles of others that are remembered
   */
  constructor(people, maxStrangers = MAX_STRANGERS) {
    this.people = people;
    this.strangersLeft = maxStrangers;
    /** @type {Map<string, { handle: string, post: string }>} by id */
    this.newest = new Map();
    /** @type {Map<string, { id: string, post: string }>} by handle in lower case */
    this.bearers = new Map();
  }

  /**
   * Takes a mention; the order does not matter.
   * @param {string} id
   * @param {string} handle
   * @param {string} post - its id, which grows with time; "" if it is unknown
   */
  see(id, handle, post) {
    const isOnList = this.people.has(id);
    if (isOnList) {
      const known = this.newest.get(id);
      if (!known || isNewer(post, known.post)) this.newest.set(id, { handle, post });
    }
    const key = handle.toLowerCase();
    const bearer = this.bearers.get(key);
    if (bearer ? !isNewer(post, bearer.post) : !isOnList && this.strangersLeft-- <= 0) return;
    this.bearers.set(key, { id, post });
  }

  /**
   * The handle that somebody on the lists was last seen with, unless somebody else was seen with it since.
   * @param {string} id
   */
  of(id) {
    const handle = this.newest.get(id)?.handle;
    return handle !== undefined && this.bearers.get(handle.toLowerCase())?.id === id ? handle : null;
  }
}

/**
 * Post ids exceed 2^53: compared as digits.
 * @param {string} post
 * @param {string} other
 */
export function isNewer(post, other) {
  return post.length === other.length ? post > other : post.length > other.length;
}
