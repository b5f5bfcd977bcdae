// @ts-check
import * as zip from "../../vendor/zip.js-2.24.0/zip-core-external.min.js";
import { ArchiveError, asArchiveError } from "./errors.js";
import {
  INFLATE_CHUNK_BYTES,
  MAX_RATIO,
  MAX_ZIP_DIRECTORY_BYTES,
  MAX_ZIP_ENTRIES,
  RATIO_FREE_BYTES,
} from "./limits.js";
import { chooseArchive, isCsvEra, recognise } from "./names.js";

/**
 * @typedef {import("./names.js").Known & {
 *   size: number,
 *   pipeTo: (sink: WritableStream<Uint8Array>) => Promise<void>,
 * }} Source - one file to read; `size` is in decompressed bytes, and never exceeded
 */

// No worker of the library's own (the reader runs in one already), and none of its WebAssembly.
zip.configure({
  useWebWorkers: false,
  useCompressionStream: true,
  workerURI: "",
  wasmURI: "",
  chunkSize: INFLATE_CHUNK_BYTES,
});

const STORED = 0;
const DEFLATED = 8;

/** @type {ReadonlyMap<string, import("./errors.js").Code>} what the library throws; all else is `zip-broken` */
const CODES = new Map([
  [zip.ERR_EOCDR_NOT_FOUND, "zip-truncated"],
  [zip.ERR_SPLIT_ZIP_FILE, "zip-split"],
  [zip.ERR_ENCRYPTED, "zip-encrypted"],
  [zip.ERR_ENCRYPTED_CENTRAL_DIRECTORY, "zip-encrypted"],
  [zip.ERR_UNSUPPORTED_ENCRYPTION, "zip-encrypted"],
  [zip.ERR_UNSUPPORTED_COMPRESSION, "zip-method"],
]);

/** Reads a Blob where it is asked to, and never more at once than a directory may have. */
class SliceReader extends zip.Reader {
  /** @param {Blob} blob */
  constructor(blob) {
    super();
    this.blob = blob;
    this.size = blob.size;
  }

  /**
   * @param {number} offset
   * @param {number} length
   */
  async readUint8Array(offset, length) {
    if (length > MAX_ZIP_DIRECTORY_BYTES) throw new ArchiveError("zip-too-many-files");
    return new Uint8Array(await this.blob.slice(offset, offset + length).arrayBuffer());
  }
}

/**
 * The files of an archive inside a ZIP, in reading order; only its directory is read. Throws ArchiveError.
 * @param {Blob} blob
 * @returns {Promise<Source[]>}
 */
export async function openZip(blob) {
  const reader = new zip.ZipReader(new SliceReader(blob), {
    checkCrc32: true,
    // Nothing is written to disk: a name that climbs is not opened, like any other that we do not know.
    filenameValidation: "tolerant",
  });
  /** @type {(Source & { entry: any })[]} */
  const found = [];
  const others = { count: 0, zips: 0, csv: 0 };
  try {
    for await (const entry of /** @type {AsyncIterable<any>} */ (reader.getEntriesGenerator())) {
      if (++others.count > MAX_ZIP_ENTRIES) throw new ArchiveError("zip-too-many-files");
      const known = entry.directory ? null : recognise(entry.filename);
      if (known)
        found.push({
          ...known,
          entry,
          size: entry.uncompressedSize,
          pipeTo: (sink) => inflate(entry, known.name, sink),
        });
      else if (/\.zip$/i.test(entry.filename)) others.zips++;
      else if (isCsvEra(entry.filename)) others.csv++;
    }
  } catch (error) {
    throw zipError(error);
  }
  const chosen = choose(found, others);
  for (const source of chosen) checkEntry(source.entry, source.name);
  return chosen;
}

/**
 * @template {import("./names.js").Known} T
 * @param {T[]} found
 * @param {{ zips: number, csv: number }} others
 */
function choose(found, others) {
  try {
    return chooseArchive(found);
  } catch (error) {
    if (error instanceof ArchiveError && error.code === "no-follow-list") {
      if (others.csv > 0) throw new ArchiveError("csv-era");
      if (others.zips > 0) throw new ArchiveError("zip-nested");
    }
    throw error;
  }
}

/**
 * @param {any} entry
 * @param {string} name
 */
function checkEntry(entry, name) {
  if (entry.encrypted) throw new ArchiveError("zip-encrypted", name);
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    throw new ArchiveError("zip-method", name);
  const { compressedSize, uncompressedSize } = entry;
  if (uncompressedSize > RATIO_FREE_BYTES && uncompressedSize > MAX_RATIO * compressedSize)
    throw new ArchiveError("zip-bomb", name);
}

/**
 * @param {any} entry
 * @param {string} name
 * @param {WritableStream<Uint8Array>} sink
 */
async function inflate(entry, name, sink) {
  try {
    await entry.getData(sink);
  } catch (error) {
    throw zipError(error, name);
  }
}

/**
 * @param {unknown} error
 * @param {string} [name]
 */
function zipError(error, name = "") {
  const known = asArchiveError(error, name);
  if (known.code !== "reader-failed") return known;
  return new ArchiveError(
    CODES.get(error instanceof Error ? error.message : "") ?? "zip-broken",
    name,
    error,
  );
}
