// @ts-check
import { ArchiveError } from "./errors.js";

const SEMICOLON = 0x3b;
const SPACES = [0x20, 0x09, 0x0a, 0x0d];

/** A small file that is parsed in one piece. */
export class WholeFile {
  /**
   * @param {number} maxBytes
   * @param {string} name - the file's, for errors
   * @param {(bytes: Uint8Array) => void} onEnd - gets all of it, without a last `;`
   */
  constructor(maxBytes, name, onEnd) {
    this.maxBytes = maxBytes;
    this.name = name;
    this.onEnd = onEnd;
    /** @type {Uint8Array[]} */
    this.chunks = [];
    this.size = 0;
  }

  /**
   * @param {Uint8Array} chunk
   * @param {number} from
   */
  push(chunk, from) {
    this.size += chunk.length - from;
    if (this.size > this.maxBytes) throw new ArchiveError("too-large", this.name);
    this.chunks.push(chunk.slice(from));
  }

  end() {
    const bytes = new Uint8Array(this.size);
    let at = 0;
    for (const chunk of this.chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    let end = lastOf(bytes, bytes.length);
    if (bytes[end - 1] === SEMICOLON) end = lastOf(bytes, end - 1);
    this.onEnd(bytes.subarray(0, end));
  }
}

/**
 * Where the spaces before `end` begin.
 * @param {Uint8Array} bytes
 * @param {number} end
 */
function lastOf(bytes, end) {
  while (end > 0 && SPACES.includes(bytes[end - 1])) end--;
  return end;
}
