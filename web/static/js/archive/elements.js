// @ts-check
import { ArchiveError } from "./errors.js";
import { MAX_DEPTH } from "./limits.js";

/**
 * Where the reader stands in `[ …, … ];`
 * @enum {number}
 */
const At = Object.freeze({ START: 0, FIRST: 1, NEXT: 2, END: 3, DONE: 4 });

const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const IS_SPACE = table(0x20, 0x09, 0x0a, 0x0d);
/** The bytes that matter outside strings; a table is twice as fast as comparisons. */
const IS_MARK = table(QUOTE, OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY, COMMA);
const IS_INNER_MARK = table(QUOTE, OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY);

const FIRST_BUFFER_BYTES = 16 * 1024;

/**
 * Cuts a JSON array, which comes in chunks of bytes, into its elements.
 *
 * It follows strings and brackets only: whether an element is JSON is for `JSON.parse` to say. Memory is
 * bounded by the longest element. Errors are ArchiveErrors.
 */
export class ElementFramer {
  /**
   * @param {string} name - the file's, for errors
   * @param {number} maxBytes - of one element
   * @param {(bytes: Uint8Array) => void} onElement - the bytes are valid during the call only
   */
  constructor(name, maxBytes, onElement) {
    this.name = name;
    this.maxBytes = maxBytes;
    this.onElement = onElement;
    /** @type {number} */
    this.at = At.START;
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
    while (i < chunk.length) {
      if (this.at !== At.FIRST && this.at !== At.NEXT) {
        i = this.step(chunk[i], i);
        continue;
      }
      const start = i;
      i = this.scan(chunk, i);
      const isWhole = i < chunk.length;
      this.take(chunk, start, i, isWhole);
      if (isWhole) this.at = chunk[i++] === COMMA ? At.NEXT : At.END;
    }
  }

  /** Throws if the array, or an element in it, was not closed. */
  end() {
    if (this.at < At.END) throw new ArchiveError("not-json", this.name);
  }

  /**
   * Reads one byte before or after the array; returns the place after it.
   * @param {number} byte
   * @param {number} i
   */
  step(byte, i) {
    if (IS_SPACE[byte]) return i + 1;
    if (this.at === At.START && byte === OPEN_ARRAY) this.at = At.FIRST;
    else if (this.at === At.END && byte === SEMICOLON) this.at = At.DONE;
    else {
      const isOther = this.at === At.START && /["{\d\-tfn]/.test(String.fromCharCode(byte));
      throw new ArchiveError(isOther ? "wrong-shape" : "not-json", this.name);
    }
    return i + 1;
  }

  /**
   * Reads to the byte that ends the element, or to the end of the chunk; returns that place.
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
      const marks = depth === 0 ? IS_MARK : IS_INNER_MARK;
      if (!isInString) while (i < length && !marks[chunk[i]]) i++;
      if (i >= length) break;
      const byte = chunk[i];
      if (byte === QUOTE) isInString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.checkDepth(++depth);
      else if (depth > 0) depth--;
      else if (byte === CLOSE_OBJECT) throw new ArchiveError("not-json", this.name);
      else break;
      i++;
    }
    this.depth = depth;
    this.isInString = isInString;
    return Math.min(i, length);
  }

  /** @param {number} depth */
  checkDepth(depth) {
    if (depth > MAX_DEPTH) throw new ArchiveError("wrong-shape", this.name);
  }

  /**
   * @param {Uint8Array} chunk
   * @param {number} start
   * @param {number} end
   * @param {boolean} isWhole - whether an element ends here
   */
  take(chunk, start, end, isWhole) {
    const size = this.buffered + end - start;
    if (size > this.maxBytes) throw new ArchiveError("row-too-long", this.name);
    let element = chunk.subarray(start, end);
    if (!isWhole || this.buffered > 0) {
      this.grow(size);
      this.buffer.set(element, this.buffered);
      element = this.buffer.subarray(0, size);
    }
    this.buffered = isWhole ? 0 : size;
    if (isWhole) this.give(element, chunk[end]);
  }

  /**
   * @param {Uint8Array} element
   * @param {number} ending - the byte after it
   */
  give(element, ending) {
    const isEmpty = element.every((byte) => IS_SPACE[byte]);
    if (!isEmpty) this.onElement(element);
    else if (ending === COMMA || this.at === At.NEXT) throw new ArchiveError("not-json", this.name);
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
