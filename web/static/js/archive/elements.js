// @ts-check
import { ArchiveError } from "./errors.js";

/**
 * Where the reader stands between the objects of `[ {…}, {…} ];`
 * @enum {number}
 */
const At = Object.freeze({ ARRAY: 0, FIRST: 1, OBJECT: 2, COMMA: 3, NEXT: 4, END: 5 });

const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const IS_SPACE = table(0x20, 0x09, 0x0a, 0x0d);
/** The bytes that matter outside strings, inside an object; a table is twice as fast as comparisons. */
const IS_MARK = table(QUOTE, OPEN_OBJECT, CLOSE_OBJECT);

const FIRST_BUFFER_BYTES = 16 * 1024;

/**
 * Cuts a JSON array of objects, which comes in chunks of bytes, into its objects.
 *
 * It follows strings and braces only: whether an object is JSON is for `JSON.parse` to say. Memory is
 * bounded by the longest object. Errors are ArchiveErrors.
 */
export class ElementFramer {
  /**
   * @param {string} name - the file's, for errors
   * @param {number} maxBytes - of one object
   * @param {(bytes: Uint8Array) => void} onElement - the bytes are valid during the call only
   */
  constructor(name, maxBytes, onElement) {
    this.name = name;
    this.maxBytes = maxBytes;
    this.onElement = onElement;
    /** @type {number} */
    this.at = At.ARRAY;
    this.depth = 0;
    this.isInString = false;
    this.isEscaped = false;
    this.buffer = new Uint8Array(FIRST_BUFFER_BYTES);
    this.buffered = 0;
  }

  /**
   * @param {Uint8Array} chunk
   * @param {number} [from] - where the JSON begins in it
   */
  push(chunk, from = 0) {
    let i = from;
    let start = 0;
    for (;;) {
      while (this.at !== At.OBJECT) {
        if (i === chunk.length) return;
        start = i;
        i = this.step(chunk[i], i);
      }
      i = this.scan(chunk, i);
      const isWhole = this.depth === 0;
      this.take(chunk, start, i, isWhole);
      if (!isWhole) return;
      this.at = At.COMMA;
    }
  }

  /** Throws if the array, or an object in it, was not closed. */
  end() {
    if (this.at !== At.END) throw new ArchiveError("not-json", this.name);
  }

  /**
   * Reads one byte between objects; returns the place after it.
   * @param {number} byte
   * @param {number} i
   */
  step(byte, i) {
    if (IS_SPACE[byte]) return i + 1;
    switch (this.at) {
      case At.ARRAY:
        if (byte !== OPEN_ARRAY)
          throw new ArchiveError(byte === OPEN_OBJECT ? "wrong-shape" : "not-json", this.name);
        this.at = At.FIRST;
        return i + 1;
      case At.COMMA:
        if (byte !== COMMA && byte !== CLOSE_ARRAY) throw new ArchiveError("not-json", this.name);
        this.at = byte === COMMA ? At.NEXT : At.END;
        return i + 1;
      case At.END:
        if (byte !== SEMICOLON) throw new ArchiveError("not-json", this.name);
        return i + 1;
      default:
        return this.open(byte, i);
    }
  }

  /**
   * @param {number} byte
   * @param {number} i
   */
  open(byte, i) {
    if (byte === CLOSE_ARRAY && this.at === At.FIRST) {
      this.at = At.END;
    } else if (byte === OPEN_OBJECT) {
      this.at = At.OBJECT;
      this.depth = 1;
    } else {
      throw new ArchiveError(
        /["[\d\-tfn]/.test(String.fromCharCode(byte)) ? "wrong-shape" : "not-json",
        this.name,
      );
    }
    return i + 1;
  }

  /**
   * Reads to the end of the object, or of the chunk; returns the place after it. `depth` is 0 at the object's end.
   * @param {Uint8Array} chunk
   * @param {number} i
   */
  scan(chunk, i) {
    const length = chunk.length;
    let depth = this.depth;
    let isInString = this.isInString;
    if (this.isEscaped && i < length) {
      this.isEscaped = false;
      i++;
    }
    for (;;) {
      while (isInString && i < length) {
        const byte = chunk[i++];
        if (byte === QUOTE) isInString = false;
        else if (byte === BACKSLASH && i++ === length) this.isEscaped = true;
      }
      if (!isInString) while (i < length && !IS_MARK[chunk[i]]) i++;
      if (i >= length) break;
      const byte = chunk[i++];
      if (byte === QUOTE) isInString = true;
      else if (byte === OPEN_OBJECT) depth++;
      else if (--depth === 0) break;
    }
    this.depth = depth;
    this.isInString = isInString;
    return Math.min(i, length);
  }

  /**
   * @param {Uint8Array} chunk
   * @param {number} start
   * @param {number} end
   * @param {boolean} isWhole - whether an object ends here
   */
  take(chunk, start, end, isWhole) {
    const size = this.buffered + end - start;
    if (size > this.maxBytes) throw new ArchiveError("row-too-long", this.name);
    if (isWhole && this.buffered === 0) {
      this.onElement(chunk.subarray(start, end));
      return;
    }
    this.grow(size);
    this.buffer.set(chunk.subarray(start, end), this.buffered);
    this.buffered = isWhole ? 0 : size;
    if (isWhole) this.onElement(this.buffer.subarray(0, size));
  }

  /** @param {number} size */
  grow(size) {
    if (size <= this.buffer.length) return;
    const larger = new Uint8Array(Math.min(this.maxBytes, 2 * size));
    larger.set(this.buffer.subarray(0, this.buffered));
    this.buffer = larger;
  }
}

/** @param {number[]} bytes */
function table(...bytes) {
  const flags = new Uint8Array(256);
  for (const byte of bytes) flags[byte] = 1;
  return flags;
}
