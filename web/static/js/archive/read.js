// @ts-check
import { ElementFramer } from "./elements.js";
import { ArchiveError } from "./errors.js";
import {
  MAX_ABOUT_BYTES,
  MAX_LIST_BYTES,
  MAX_ROW_BYTES,
  MAX_TWEETS_BYTES,
  MAX_TWEET_BYTES,
  ROWS_FOR_ONE_BAD,
} from "./limits.js";
import { LISTS, isList } from "./names.js";
import { openFiles } from "./open.js";
import { People } from "./people.js";
import { Prefix } from "./prefix.js";
import { readAccount, readManifest, readMentions, readRow } from "./records.js";
import { WholeFile } from "./whole_file.js";

/**
 * @typedef {import("./choose.js").Source} Source
 * @typedef {import("./open.js").Chosen} Chosen
 * @typedef {import("./names.js").Kind} Kind
 * @typedef {import("./names.js").List} List
 * @typedef {import("./records.js").Owner} Owner
 * @typedef {import("./errors.js").Notice} Notice
 * @typedef {{ stage: "opening" | "lists" | "names", done: number, total: number }} Progress - in bytes
 * @typedef {{ people: People, owner: Owner | null, notices: Notice[], badRows: number, leftOut: string[] }} Reading -
 *   `badRows` could not be read, `leftOut` are the names of files that were given and not read
 */

/** @type {Readonly<Record<Kind, number>>} decompressed bytes, all parts together */
const MAX_BYTES = Object.freeze({
  following: MAX_LIST_BYTES,
  follower: MAX_LIST_BYTES,
  block: MAX_LIST_BYTES,
  mute: MAX_LIST_BYTES,
  account: MAX_ABOUT_BYTES,
  manifest: MAX_ABOUT_BYTES,
  tweets: MAX_TWEETS_BYTES,
});

/**
 * Reads who is in an X archive: ZIPs and loose files of one. Throws ArchiveError.
 * @param {readonly Chosen[]} chosen
 * @param {(progress: Progress) => void} [onProgress] - called for each chunk
 * @returns {Promise<Reading>}
 */
export async function readArchive(chosen, onProgress = () => {}) {
  onProgress({ stage: "opening", done: 0, total: 0 });
  const { files, leftOut, conflict } = await openFiles(chosen);
  checkSizes(files.filter(isList));
  const reading = new ArchiveReading(files, leftOut, onProgress);
  for (const file of files) {
    if (isList(file)) reading.checkOwners(conflict);
    await reading.read(file);
  }
  return reading.result();
}

/** @param {Source[]} sources */
function checkSizes(sources) {
  /** @type {Partial<Record<Kind, number>>} */
  const bytes = {};
  for (const { kind, size, name } of sources) {
    bytes[kind] = (bytes[kind] ?? 0) + size;
    if (bytes[kind] > MAX_BYTES[kind]) throw new ArchiveError("too-large", name);
  }
}

/** What is known while the files of one archive are read, one after the other. */
class ArchiveReading {
  /**
   * @param {Source[]} sources
   * @param {string[]} leftOut
   * @param {(progress: Progress) => void} onProgress
   */
  constructor(sources, leftOut, onProgress) {
    this.kinds = new Set(sources.map((source) => source.kind));
    this.total = sources.reduce((sum, source) => sum + source.size, 0);
    this.done = 0;
    this.onProgress = onProgress;
    this.people = new People();
    this.leftOut = leftOut;
    /** @type {Map<string, Owner>} by the place of the file that names them; account.js comes before manifest.js */
    this.owners = new Map();
    /** @type {Partial<Record<List, number>>} */
    this.counted = {};
    /** @type {Partial<Record<Kind, number>>} */
    this.bytes = {};
    this.badRows = 0;
    /** @type {Set<Notice>} */
    this.notices = new Set();
  }

  /** @param {Source} source */
  async read(source) {
    if (isList(source)) return this.readList(source);
    if (source.kind === "tweets" && this.people.size === 0) return;
    try {
      await this.readWith(source, this.parserOf(source));
    } catch (error) {
      // Names and owners help; without them the lists are the same.
      if (!(error instanceof ArchiveError) || error.code === "reader-failed") throw error;
      this.notices.add(source.kind === "tweets" ? "names-unread" : "about-unread");
    }
  }

  /**
   * Throws ArchiveError where the files are of two accounts, or of two archives.
   * @param {ArchiveError | null} conflict
   */
  checkOwners(conflict) {
    const owners = new Map([...this.owners.values()].map((owner) => [owner.id, owner]));
    if (owners.size > 1) {
      throw new ArchiveError("two-accounts", [...owners.values()].slice(0, 2).map(nameOf).join(", "));
    }
    if (conflict) throw conflict;
  }

  /**
   * Reads a list. A row that cannot be read is counted and left out; where they are too many, its file is refused for
   * the first of them.
   * @param {Source} source
   */
  async readList(source) {
    const { kind, name } = /** @type {Source & { kind: List }} */ (source);
    let rows = 0;
    let bad = 0;
    /** @type {ArchiveError | null} */
    let first = null;
    const framer = new ElementFramer(name, MAX_ROW_BYTES, (bytes) => {
      rows++;
      try {
        this.people.add(kind, readRow(kind, bytes, name), name);
      } catch (error) {
        if (!(error instanceof ArchiveError) || error.code === "too-many-rows") throw error;
        bad++;
        first ??= error;
      }
    });
    await this.readWith(source, framer);
    if (first && bad * ROWS_FOR_ONE_BAD > rows) throw first;
    this.badRows += bad;
    this.people.counts[kind] += bad;
  }

  /**
   * @param {Source} source
   * @param {{ push: (chunk: Uint8Array, from: number) => void, end: () => void }} parser
   */
  async readWith(source, parser) {
    const stage = source.kind === "tweets" ? "names" : "lists";
    const prefix = new Prefix(source.kind, source.name);
    for await (const chunk of source.chunks()) {
      this.count(source, chunk.length);
      const from = prefix.skip(chunk);
      if (prefix.isPassed) parser.push(chunk, from);
      this.done += chunk.length;
      this.onProgress({ stage, done: this.done, total: this.total });
    }
    prefix.end();
    parser.end();
  }

  /**
   * Throws ArchiveError where all parts of a file are larger together than it may be.
   * @param {Source} source
   * @param {number} bytes
   */
  count({ kind, name }, bytes) {
    const sum = (this.bytes[kind] ?? 0) + bytes;
    if (sum > MAX_BYTES[kind]) throw new ArchiveError("too-large", name);
    this.bytes[kind] = sum;
  }

  /** @param {Source} source */
  parserOf(source) {
    const { kind, name } = source;
    switch (kind) {
      case "manifest":
        return new WholeFile(MAX_ABOUT_BYTES, name, (bytes) => this.takeManifest(bytes, source));
      case "account":
        return new WholeFile(MAX_ABOUT_BYTES, name, (bytes) => this.takeOwner(readAccount(bytes, name), source));
      default:
        return new ElementFramer(name, MAX_TWEET_BYTES, (bytes) => readMentions(bytes, this.people, name));
    }
  }

  /**
   * @param {Owner | null} owner
   * @param {Source} source
   */
  takeOwner(owner, { source, folder }) {
    const place = `${source}\n${folder}`;
    if (owner && !this.owners.has(place)) this.owners.set(place, owner);
  }

  /**
   * @param {Uint8Array} bytes
   * @param {Source} source
   */
  takeManifest(bytes, source) {
    const { owner, counts, isPartial } = readManifest(bytes, source.name);
    this.takeOwner(owner, source);
    for (const list of LISTS) this.counted[list] = Math.max(this.counted[list] ?? 0, counts[list] ?? 0);
    if (isPartial) this.notices.add("partial-archive");
  }

  /** @returns {Reading} */
  result() {
    const { counts } = this.people;
    if (this.people.size === 0) this.notices.add("nobody");
    else if (!this.kinds.has("following")) this.notices.add("following-missing");
    else if (counts.following === 0) this.notices.add("zero-follows");
    else if (!this.kinds.has("block") || !this.kinds.has("mute")) this.notices.add("refused-missing");
    if (LISTS.some((list) => (this.counted[list] ?? 0) > counts[list])) this.notices.add("parts-missing");
    if (this.people.size > 0 && !this.kinds.has("tweets")) this.notices.add("names-missing");
    if (this.badRows > 0) this.notices.add("rows-unread");
    if (this.leftOut.length > 0) this.notices.add("left-out");
    const [owner = null] = this.owners.values();
    return {
      people: this.people,
      owner,
      notices: [...this.notices],
      badRows: this.badRows,
      leftOut: this.leftOut,
    };
  }
}

/** @param {Owner} owner */
function nameOf({ id, handle }) {
  return handle ? `@${handle}` : id;
}
