// @ts-check
import { ArchiveError } from "./errors.js";
import { MAX_PREFIX_BYTES } from "./limits.js";

/** @typedef {import("./names.js").Kind} Kind */

const EQUALS = 0x3d;
const BOM_BYTES = 3;
/** A byte order mark of UTF-16, or a zero beside the first character. */
const UTF16 = /^(?:\xff\xfe|\xfe\xff|[^\0]\0|\0[^\0])/;
/** `window.YTD.following.part0`, whatever the part: what X writes before `=`. */
const TARGET = /^[ \t\n\r\f\v]*window\.(?:YTD\.([a-z_]+)\.part\d{1,6}|(__THAR_CONFIG))[ \t\n\r\f\v]*$/;
/** JSON without an assignment. */
const BARE = /^[ \t\n\r\f\v]*[[{]/;
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
   * @param {string} name - the file's, for errors; one that ends in `.json` may be JSON alone
   */
  constructor(kind, name) {
    this.kind = kind;
    this.name = name;
    this.mayBeBare = /\.json/i.test(name);
    this.isPassed = false;
    this.text = "";
  }

  /**
   * Where the JSON begins in this chunk; the chunk's length while the `=` is still to come. Throws ArchiveError.
   * @param {Uint8Array} chunk
   */
  skip(chunk) {
    if (this.isPassed) return 0;
    if (this.text === "" && this.beginsBare(chunk)) {
      this.isPassed = true;
      return chunk[0] === 0xef ? BOM_BYTES : 0;
    }
    const at = chunk.subarray(0, MAX_PREFIX_BYTES + 1).indexOf(EQUALS);
    const bytes = chunk.subarray(0, at < 0 ? MAX_PREFIX_BYTES + 1 : at);
    this.text += Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    if (UTF16.test(this.text)) throw new ArchiveError("utf-16", this.name);
    if (this.text.length > MAX_PREFIX_BYTES) throw new ArchiveError("no-assignment", this.name);
    if (at < 0) return chunk.length;
    this.isPassed = true;
    this.check();
    return at + 1;
  }

  /** @param {Uint8Array} chunk - the first */
  beginsBare(chunk) {
    return this.mayBeBare && BARE.test(withoutBom(String.fromCharCode(...chunk.subarray(0, BOM_BYTES + MAX_PREFIX_BYTES))));
  }

  /** Throws ArchiveError if the file ended before its `=`. */
  end() {
    if (!this.isPassed) throw new ArchiveError(this.text === "" ? "file-empty" : "no-assignment", this.name);
  }

  check() {
    const text = withoutBom(this.text);
    const found = TARGET.exec(text);
    if (found && WORDS[this.kind].includes(found[1] ?? found[2])) return;
    // JSON without an assignment has its first `=` in somebody's address.
    throw new ArchiveError(BARE.test(text) ? "no-assignment" : "wrong-prefix", this.name);
  }
}

/** @param {string} text - one character a byte */
function withoutBom(text) {
  return text.replace(/^\xef\xbb\xbf/, "");
}
