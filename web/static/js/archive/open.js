// @ts-check
import { chooseFiles } from "./choose.js";
import { crc32 } from "./crc32.js";
import { ArchiveError, asArchiveError } from "./errors.js";
import { baseName, isCsvEra, isList, isLookAlike, isZipName, recognise } from "./names.js";
import { SNIFFED_BYTES, kindOfFile } from "./sniff.js";
import { openZip } from "./zip.js";
import { bytesAt, endsAsZip } from "./zip_directory.js";

/**
 * Opens all that a person chose together: ZIPs, loose files, and what is none of both.
 *
 * @typedef {{ path: string, file: File }} Chosen - what a person chose; `path` starts at the chosen folder
 * @typedef {import("./choose.js").Source} Source
 * @typedef {import("./choose.js").Choice} Choice
 */

const LOOSE = "";
/** Files that are no archive, and whose names promise none. */
const TEXT = /\.(?:js|json|csv|txt)$/i;

/**
 * The files to read, in reading order. Throws ArchiveError.
 * @param {readonly Chosen[]} chosen
 * @returns {Promise<Choice>}
 */
export async function openFiles(chosen) {
  if (chosen.length === 0) throw new ArchiveError("nothing-chosen");
  const opening = new Opening();
  for (const each of chosen) await opening.take(each);
  if (!opening.files.some(isList)) throw await opening.whyEmpty(chosen[0]);
  const choice = await chooseFiles(opening.files);
  return { ...choice, leftOut: [...opening.leftOut, ...choice.leftOut] };
}

class Opening {
  constructor() {
    /** @type {Source[]} */
    this.files = [];
    /** @type {string[]} */
    this.leftOut = [];
    /** @type {ArchiveError[]} what else these files may be, the most telling first */
    this.hints = [];
    /** @type {Chosen[]} */
    this.others = [];
  }

  /** @param {Chosen} chosen */
  async take({ path, file }) {
    const known = recognise(path);
    if (known) this.files.push({ ...known, source: LOOSE, ...loose(file, known.name) });
    else if (isZipName(path) || (await looksAsZip(path, file))) await this.takeZip({ path, file });
    else this.takeOther({ path, file });
  }

  /** @param {Chosen} zip */
  async takeZip({ path, file }) {
    const name = baseName(path);
    try {
      await checkIsZip(file, name);
      const contents = await openZip(file, name, `${this.files.length} ${path}`);
      this.files.push(...contents.files);
      if (contents.files.length > 0) return;
      if (contents.isCsvEra) this.hints.push(new ArchiveError("csv-era", name));
      if (contents.holdsZip) this.hints.push(new ArchiveError("zip-nested", name));
      if (contents.lookAlike) this.hints.push(new ArchiveError("look-alike", contents.lookAlike));
    } catch (error) {
      // A ZIP that merely lies in a chosen folder need not be the archive.
      if (!path.includes("/")) throw asArchiveError(error, name);
      this.hints.push(asArchiveError(error, name));
    }
    this.leftOut.push(name);
  }

  /** @param {Chosen} other */
  takeOther(other) {
    const name = baseName(other.path);
    if (isCsvEra(other.path)) this.hints.push(new ArchiveError("csv-era", name));
    else if (isLookAlike(other.path)) this.hints.push(new ArchiveError("look-alike", name));
    else this.others.push(other);
    if (!other.path.includes("/")) this.leftOut.push(name);
  }

  /** @param {Chosen} first */
  async whyEmpty(first) {
    if (this.hints.length > 0) return this.hints[0];
    const stranger = this.others.find(({ path }) => !TEXT.test(path));
    if (!stranger) return new ArchiveError("no-follow-list", baseName(first.path));
    const name = baseName(stranger.path);
    return new ArchiveError(kindOfFile(await headOf(stranger.file), name), name);
  }
}

/** @param {File} file */
function headOf(file) {
  return bytesAt(file, 0, SNIFFED_BYTES);
}

/**
 * @param {string} path
 * @param {File} file
 */
async function looksAsZip(path, file) {
  return !TEXT.test(path) && ((await endsAsZip(file)) || /^PK/.test(new TextDecoder().decode(await headOf(file))));
}

/**
 * @param {File} file
 * @param {string} name
 */
async function checkIsZip(file, name) {
  if (!(await endsAsZip(file))) throw new ArchiveError(kindOfFile(await headOf(file), name), name);
}

/**
 * @param {File} file
 * @param {string} name
 */
function loose(file, name) {
  return {
    size: file.size,
    chunks: () => chunksOf(file, name),
    fingerprint: async () => {
      let crc = 0;
      for await (const chunk of chunksOf(file, name)) crc = crc32(chunk, crc);
      return `${file.size} ${crc}`;
    },
  };
}

/**
 * @param {File} file
 * @param {string} name
 * @returns {AsyncGenerator<Uint8Array>}
 */
async function* chunksOf(file, name) {
  try {
    const reader = file.stream().getReader();
    try {
      for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
        yield /** @type {Uint8Array} */ (value);
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  } catch (error) {
    throw asArchiveError(error, name);
  }
}
