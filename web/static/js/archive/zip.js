// @ts-check
import { crc32 } from "./crc32.js";
import { ArchiveError, asArchiveError } from "./errors.js";
import { INFLATE_CHUNK_BYTES, MAX_OFFSET_WRAPS, MAX_RATIO, RATIO_FREE_BYTES } from "./limits.js";
import { baseName, isCsvEra, isLookAlike, isZipName, leadsOutside, recognise } from "./names.js";
import { bytesAt, readZipDirectory, viewOf } from "./zip_directory.js";

/**
 * @typedef {import("./choose.js").Source} Source
 * @typedef {import("./zip_directory.js").ZipEntry} ZipEntry
 * @typedef {{ files: Source[], isCsvEra: boolean, lookAlike: string, holdsZip: boolean }} Contents - of one ZIP: the files
 *   to read, and hints at what else it may be
 */

const STORED = 0;
const DEFLATED = 8;
const LOCAL_BYTES = 30;
const LOCAL_MAGIC = 0x04034b50;
const WRAP_BYTES = 2 ** 32;

/**
 * The files of an archive inside a ZIP; only its directory is read. Throws ArchiveError.
 * @param {Blob} blob
 * @param {string} name - the ZIP's
 * @param {string} source - what tells this ZIP from others
 * @returns {Promise<Contents>}
 */
export async function openZip(blob, name, source) {
  /** @type {Contents} */
  const contents = { files: [], isCsvEra: false, lookAlike: "", holdsZip: false };
  try {
    for await (const entry of readZipDirectory(blob, name)) {
      if (leadsOutside(entry.path)) throw new ArchiveError("unsafe-path", name);
      const known = recognise(entry.path);
      if (known) contents.files.push({ ...known, source, ...opened(blob, entry, known.name) });
      else if (isZipName(entry.path)) contents.holdsZip = true;
      else if (isCsvEra(entry.path)) contents.isCsvEra = true;
      else if (isLookAlike(entry.path)) contents.lookAlike ||= baseName(entry.path);
    }
  } catch (error) {
    throw zipError(error, name);
  }
  return contents;
}

/**
 * @param {Blob} blob
 * @param {ZipEntry} entry
 * @param {string} name
 */
function opened(blob, entry, name) {
  return {
    size: entry.bytes,
    chunks: () => chunksOf(blob, entry, name),
    fingerprint: async () => `${entry.bytes} ${entry.crc}`,
  };
}

/**
 * Its bytes, decompressed, in chunks. Throws ArchiveError, also where they differ from what the directory says.
 * @param {Blob} blob
 * @param {ZipEntry} entry
 * @param {string} name
 * @returns {AsyncGenerator<Uint8Array>}
 */
async function* chunksOf(blob, entry, name) {
  checkEntry(entry, name);
  let crc = 0;
  let left = entry.bytes;
  try {
    const packed = slicesOf(blob, await dataOffset(blob, entry, name), entry.packedBytes);
    for await (const chunk of entry.method === STORED ? packed : inflated(packed)) {
      crc = crc32(chunk, crc);
      left -= chunk.length;
      if (left < 0) break;
      yield chunk;
    }
  } catch (error) {
    throw zipError(error, name);
  }
  if (left !== 0 || crc !== entry.crc) throw new ArchiveError("zip-broken", name);
}

/**
 * @param {ZipEntry} entry
 * @param {string} name
 */
function checkEntry({ isEncrypted, method, packedBytes, bytes }, name) {
  if (isEncrypted) throw new ArchiveError("zip-encrypted", name);
  if (method !== STORED && method !== DEFLATED) throw new ArchiveError("zip-method", name);
  if (bytes > RATIO_FREE_BYTES && bytes > MAX_RATIO * packedBytes) throw new ArchiveError("zip-bomb", name);
}

/**
 * Where the data of an entry begins. Finder writes offsets of 32 bits into ZIPs beyond 4 GiB, too: what they lost is
 * found by trying.
 * @param {Blob} blob
 * @param {ZipEntry} entry
 * @param {string} name
 */
async function dataOffset(blob, entry, name) {
  for (const offset of placesOf(entry.offset, blob.size)) {
    const header = await bytesAt(blob, offset, LOCAL_BYTES + entry.rawName.length);
    const at = offset + LOCAL_BYTES + dataGap(header, entry.rawName);
    if (at > offset && at + entry.packedBytes <= blob.size) return at;
  }
  throw new ArchiveError("zip-broken", name);
}

/**
 * @param {number} offset
 * @param {number} size
 */
function* placesOf(offset, size) {
  yield offset;
  for (let wrap = 0; wrap < MAX_OFFSET_WRAPS; wrap++) {
    const place = (offset % WRAP_BYTES) + wrap * WRAP_BYTES;
    if (place >= size) return;
    if (place !== offset) yield place;
  }
}

/**
 * The length of name and extra field in a local header; negative where it is none of this entry. A file with two names
 * can show one content to us and another to a scanner.
 * @param {Uint8Array} header
 * @param {Uint8Array} rawName
 */
function dataGap(header, rawName) {
  const view = viewOf(header);
  const isIts =
    header.length === LOCAL_BYTES + rawName.length &&
    view.getUint32(0, true) === LOCAL_MAGIC &&
    view.getUint16(26, true) === rawName.length &&
    rawName.every((byte, index) => header[LOCAL_BYTES + index] === byte);
  return isIts ? rawName.length + view.getUint16(28, true) : -Infinity;
}

/**
 * @param {Blob} blob
 * @param {number} start
 * @param {number} length
 */
async function* slicesOf(blob, start, length) {
  for (let at = start; at < start + length; at += INFLATE_CHUNK_BYTES) {
    yield await bytesAt(blob, at, Math.min(INFLATE_CHUNK_BYTES, start + length - at));
  }
}

/**
 * @param {AsyncIterable<Uint8Array<ArrayBuffer>>} packed
 * @returns {AsyncGenerator<Uint8Array>}
 */
async function* inflated(packed) {
  const { readable, writable } = new DecompressionStream("deflate-raw");
  const writer = writable.getWriter();
  const feeding = feed(packed, writer);
  // Its error comes out of `readable`, too.
  feeding.catch((error) => writer.abort(error).catch(() => {}));
  const reader = readable.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      yield /** @type {Uint8Array} */ (value);
    }
    await feeding;
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * @param {AsyncIterable<Uint8Array<ArrayBuffer>>} packed
 * @param {WritableStreamDefaultWriter<BufferSource>} writer
 */
async function feed(packed, writer) {
  for await (const slice of packed) await writer.write(slice);
  await writer.close();
}

/**
 * @param {unknown} error
 * @param {string} name
 */
function zipError(error, name) {
  const known = asArchiveError(error, name);
  return known.code === "reader-failed" ? new ArchiveError("zip-broken", name, error) : known;
}
