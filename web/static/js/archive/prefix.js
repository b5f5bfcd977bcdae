// @ts-check
import { ArchiveError } from "./errors.js";
import { MAX_PREFIX_BYTES } from "./limits.js";

/** @typedef {import("./names.js").Kind} Kind */

const EQUALS = 0x3d;
/** `window.YTD.following.part0`, whatever the part: what X writes before `=`. */
const TARGET = /^\s*window\.(?:YTD\.(\w+)\.part\d+|(__THAR_CONFIG))\s*$/;
/** The word in TARGET for each kind of file. */
const WORDS = Object.freeze(
  /** @type {Record<Kind, readonly string[]>} */ ({
    following: ["following"],
    follower: ["follower"],
    block: ["block"],
    mute: ["mute"],
    account: ["account"],
    manifest: ["__THAR_CONFIG"],
    tweets: ["tweets", "tweet"],
  }),
);

/** Removes what precedes the JSON in a file of an archive: a byte order mark, and everything up to the first `=`. */
export class Prefix {
  /**
   * @param {Kind} kind
   * @param {string} name - the file's, for errors
   */
  constructor(kind, name) {
    this.kind = kind;
    this.name = name;
    this.isPassed = false;
    this.text = "";
  }

  /**
   * Where the JSON begins in this chunk; the chunk's length while the `=` is still to come. Throws ArchiveError.
   * @param {Uint8Array} chunk
   */
  skip(chunk) {
    if (this.isPassed) return 0;
    const at = chunk.subarray(0, MAX_PREFIX_BYTES + 1).indexOf(EQUALS);
    const bytes = chunk.subarray(0, at < 0 ? MAX_PREFIX_BYTES + 1 : at);
    this.text += Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    if (this.text.length > MAX_PREFIX_BYTES) throw new ArchiveError("no-assignment", this.name);
    if (at < 0) return chunk.length;
    this.isPassed = true;
    this.check();
    return at + 1;
  }

  /** Throws ArchiveError if the file ended before its `=`. */
  end() {
    if (!this.isPassed) throw new ArchiveError("no-assignment", this.name);
  }

  check() {
    const text = this.text.replace(/^\xef\xbb\xbf/, "");
    const found = TARGET.exec(text);
    if (found && WORDS[this.kind].includes(found[1] ?? found[2])) return;
    // JSON without an assignment has its first `=` in somebody's address.
    throw new ArchiveError(/^\s*[[{]/.test(text) ? "no-assignment" : "wrong-prefix", this.name);
  }
}
