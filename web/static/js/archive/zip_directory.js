// @ts-check
import { ArchiveError } from "./errors.js";
import { MAX_ZIP_DIRECTORY_BYTES, MAX_ZIP_ENTRIES, ZIP_WINDOW_BYTES } from "./limits.js";

/**
 * Reads the table of contents of a ZIP as a stream. Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.
 * Every number in a ZIP is a claim: each is checked against the size of the file before anything is read for it.
 *
 * @typedef {{
 *   path: string,
 *   method: number,
 *   isEncrypted: boolean,
 *   crc: number,
 *   packedBytes: number,
 *   bytes: number,
 *   offset: number,
 *   rawName: Uint8Array,
 * }} ZipEntry - one row of the table; `offset` is where its header should be
 * @typedef {{ start: number, length: number, shift: number }} End - `shift` is the number of bytes before the ZIP
 */

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const ENTRY_BYTES = 46;
const MAX_COMMENT_BYTES = 0xffff;
const MAX_U16 = 0xffff;
const MAX_U32 = 0xffffffff;

const END_MAGIC = 0x06054b50;
const LOCATOR_MAGIC = 0x07064b50;
const END64_MAGIC = 0x06064b50;
const ENTRY_MAGIC = 0x02014b50;
const EXTRA_ZIP64 = 1;
const FLAG_ENCRYPTED = (1 << 0) | (1 << 13);

const NAMES = new TextDecoder("utf-8");

/**
 * The entries of a ZIP, in their order. Throws ArchiveError.
 * @param {Blob} blob
 * @param {string} name - the file's, for errors
 * @returns {AsyncGenerator<ZipEntry>}
 */
export async function* readZipDirectory(blob, name) {
  const end = await findEnd(blob, name);
  if (end.length > MAX_ZIP_DIRECTORY_BYTES) throw new ArchiveError("zip-too-many-files", name);
  const window = new Window(blob, end.start, end.length, name);
  for (let count = 1; window.remaining > 0; count++) {
    if (count > MAX_ZIP_ENTRIES) throw new ArchiveError("zip-too-many-files", name);
    yield await readEntry(window, end.shift, name);
  }
}

/** A stretch of a file, read in order, a piece at a time. */
class Window {
  /**
   * @param {Blob} blob
   * @param {number} start
   * @param {number} length
   * @param {string} name
   */
  constructor(blob, start, length, name) {
    this.blob = blob;
    this.next = start;
    this.unread = length;
    this.name = name;
    this.buffer = new Uint8Array(0);
    this.at = 0;
  }

  get remaining() {
    return this.unread + this.buffer.length - this.at;
  }

  /** @param {number} count */
  async take(count) {
    if (count > this.remaining) throw new ArchiveError("zip-broken", this.name);
    while (this.buffer.length - this.at < count) await this.fill();
    this.at += count;
    return this.buffer.subarray(this.at - count, this.at);
  }

  async fill() {
    const piece = await bytesAt(this.blob, this.next, Math.min(this.unread, ZIP_WINDOW_BYTES));
    if (piece.length === 0) throw new ArchiveError("zip-broken", this.name);
    const rest = this.buffer.subarray(this.at);
    this.buffer = new Uint8Array(rest.length + piece.length);
    this.buffer.set(rest);
    this.buffer.set(piece, rest.length);
    this.at = 0;
    this.next += piece.length;
    this.unread -= piece.length;
  }
}

/**
 * Whether a file ends as a ZIP does, whatever it begins with.
 * @param {Blob} blob
 */
export async function endsAsZip(blob) {
  return lastEnd(viewOf((await tailOf(blob)).bytes)) >= 0;
}

/** @param {Blob} blob */
async function tailOf(blob) {
  const start = Math.max(0, blob.size - MAX_COMMENT_BYTES - END_BYTES - LOCATOR_BYTES);
  return { start, bytes: await bytesAt(blob, start, blob.size - start) };
}

/**
 * @param {Blob} blob
 * @param {string} name
 * @returns {Promise<End>}
 */
async function findEnd(blob, name) {
  const tail = await tailOf(blob);
  const view = viewOf(tail.bytes);
  const at = lastEnd(view);
  if (at < 0) throw new ArchiveError("zip-truncated", name);
  for (const disk of [view.getUint16(at + 4, true), view.getUint16(at + 6, true)]) {
    if (disk !== 0 && disk !== MAX_U16) throw new ArchiveError("zip-split", name);
  }
  const claim = { length: view.getUint32(at + 12, true), offset: view.getUint32(at + 16, true) };
  const far = await findEnd64(blob, view, at, tail.start);
  if (!far && (claim.length === MAX_U32 || claim.offset === MAX_U32)) throw new ArchiveError("zip-broken", name);
  const { position, length, offset } = far ?? { position: tail.start + at, ...claim };
  const start = position - length;
  if (start < 0 || offset > start) throw new ArchiveError("zip-broken", name);
  return { start, length, shift: start - offset };
}

/**
 * The last place where an end record fits with its comment, -1 where there is none.
 * @param {DataView} tail
 */
function lastEnd(tail) {
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END_MAGIC) continue;
    if (at + END_BYTES + tail.getUint16(at + 20, true) <= tail.byteLength) return at;
  }
  return -1;
}

/**
 * @param {Blob} blob
 * @param {DataView} tail
 * @param {number} at - of the end record
 * @param {number} tailStart
 * @returns {Promise<{ position: number, length: number, offset: number } | null>}
 */
async function findEnd64(blob, tail, at, tailStart) {
  const locatorAt = at - LOCATOR_BYTES;
  if (locatorAt < 0 || tail.getUint32(locatorAt, true) !== LOCATOR_MAGIC) return null;
  // Where the claimed place is wrong, a record without extra data stands right before its locator.
  for (const position of [u64(tail, locatorAt + 8), tailStart + locatorAt - END64_BYTES]) {
    if (position < 0 || position > blob.size - END64_BYTES) continue;
    const record = viewOf(await bytesAt(blob, position, END64_BYTES));
    if (record.byteLength < END64_BYTES || record.getUint32(0, true) !== END64_MAGIC) continue;
    return { position, length: u64(record, 40), offset: u64(record, 48) };
  }
  return null;
}

/**
 * @param {Window} window
 * @param {number} shift
 * @param {string} name
 * @returns {Promise<ZipEntry>}
 */
async function readEntry(window, shift, name) {
  const fixed = viewOf((await window.take(ENTRY_BYTES)).slice());
  if (fixed.getUint32(0, true) !== ENTRY_MAGIC) throw new ArchiveError("zip-broken", name);
  const rawName = (await window.take(fixed.getUint16(28, true))).slice();
  const extra = (await window.take(fixed.getUint16(30, true))).slice();
  await window.take(fixed.getUint16(32, true));
  const claims = [fixed.getUint32(24, true), fixed.getUint32(20, true), fixed.getUint32(42, true)];
  const [bytes, packedBytes, offset] = widen(claims, extra);
  return {
    path: NAMES.decode(rawName),
    method: fixed.getUint16(10, true),
    isEncrypted: (fixed.getUint16(8, true) & FLAG_ENCRYPTED) !== 0,
    crc: fixed.getUint32(16, true),
    packedBytes,
    bytes,
    offset: offset + shift,
    rawName,
  };
}

/**
 * Replaces values that are all ones by the 64-bit values in the ZIP64 extra field.
 * @param {number[]} claims
 * @param {Uint8Array} extra
 */
function widen(claims, extra) {
  if (!claims.includes(MAX_U32)) return claims;
  const values = zip64Values(viewOf(extra));
  return claims.map((claim) => (claim === MAX_U32 ? (values.shift() ?? claim) : claim));
}

/** @param {DataView} extra */
function zip64Values(extra) {
  /** @type {number[]} */
  const values = [];
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) !== EXTRA_ZIP64) continue;
    const end = Math.min(extra.byteLength, at + 4 + extra.getUint16(at + 2, true));
    for (let value = at + 4; value + 8 <= end; value += 8) values.push(u64(extra, value));
    return values;
  }
  return values;
}

/**
 * @param {Blob} blob
 * @param {number} start
 * @param {number} length
 */
export async function bytesAt(blob, start, length) {
  return new Uint8Array(await blob.slice(start, start + length).arrayBuffer());
}

/** @param {Uint8Array} bytes */
export function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * @param {DataView} view
 * @param {number} at
 */
function u64(view, at) {
  return Number(view.getBigUint64(at, true));
}
