// @ts-check
import { ElementFramer } from "./elements.js";
import { ArchiveError } from "./errors.js";
import {
  MAX_LIST_BYTES,
  MAX_MANIFEST_BYTES,
  MAX_ROW_BYTES,
  MAX_SMALL_FILE_BYTES,
  MAX_TWEETS_BYTES,
  MAX_TWEET_BYTES,
} from "./limits.js";
import { openLoose } from "./loose.js";
import { LISTS, recognise } from "./names.js";
import { People } from "./people.js";
import { Prefix } from "./prefix.js";
import { readAccount, readManifest, readMentions, readRow } from "./records.js";
import { SNIFFED_BYTES, checkIsZip } from "./sniff.js";
import { WholeFile } from "./whole_file.js";
import { openZip } from "./zip.js";

/**
 * @typedef {import("./zip.js").Source} Source
 * @typedef {import("./loose.js").Chosen} Chosen
 * @typedef {import("./names.js").Kind} Kind
 * @typedef {import("./names.js").List} List
 * @typedef {import("./records.js").Owner} Owner
 * @typedef {import("./errors.js").Notice} Notice
 * @typedef {{ stage: "opening" | "lists" | "names", done: number, total: number }} Progress - in bytes
 * @typedef {{ people: People, owner: Owner | null, notices: Notice[] }} Reading
 */

/** Errors in the posts that leave out names, not people. */
const COSTS_NAMES = Object.freeze([
  "not-json",
  "wrong-shape",
  "wrong-prefix",
  "no-assignment",
  "row-too-long",
  "zip-broken",
]);

/** @type {Readonly<Record<Kind, number>>} decompressed bytes, all parts together */
const MAX_BYTES = Object.freeze({
  following: MAX_LIST_BYTES,
  follower: MAX_LIST_BYTES,
  block: MAX_LIST_BYTES,
  mute: MAX_LIST_BYTES,
  account: MAX_SMALL_FILE_BYTES,
  manifest: MAX_MANIFEST_BYTES,
  tweets: MAX_TWEETS_BYTES,
});

/**
 * Reads who is in an X archive: one ZIP, or loose files of one. Throws ArchiveError.
 * @param {readonly Chosen[]} chosen
 * @param {(progress: Progress) => void} [onProgress] - called for each chunk
 * @returns {Promise<Reading>}
 */
export async function readArchive(chosen, onProgress = () => {}) {
  onProgress({ stage: "opening", done: 0, total: 0 });
  const sources = await open(chosen);
  checkSizes(sources);
  const reading = new ArchiveReading(sources, onProgress);
  for (const source of sources) await reading.read(source);
  return reading.result();
}

/**
 * @param {readonly Chosen[]} chosen
 * @returns {Promise<Source[]>}
 */
async function open(chosen) {
  const known = chosen.filter(({ path }) => recognise(path));
  const zips = chosen.filter(({ path }) => /\.zip$/i.test(path));
  if (known.length > 0) {
    if (zips.some(({ path }) => !path.includes("/"))) throw new ArchiveError("one-at-a-time");
    return openLoose(known);
  }
  if (zips.length > 1) throw new ArchiveError("one-at-a-time");
  const only = zips[0] ?? (chosen.length === 1 ? chosen[0] : null);
  if (!only || /\.(?:js|csv)$/i.test(only.path)) return openLoose(chosen);
  checkIsZip(new Uint8Array(await only.file.slice(0, SNIFFED_BYTES).arrayBuffer()), only.file.name);
  return openZip(only.file);
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
   * @param {(progress: Progress) => void} onProgress
   */
  constructor(sources, onProgress) {
    this.kinds = new Set(sources.map((source) => source.kind));
    this.total = sources.reduce((sum, source) => sum + source.size, 0);
    this.done = 0;
    this.onProgress = onProgress;
    this.people = new People();
    /** @type {Owner | null} */
    this.owner = null;
    /** @type {Partial<Record<List, number>>} */
    this.counted = {};
    /** @type {Set<Notice>} */
    this.notices = new Set();
  }

  /** @param {Source} source */
  async read(source) {
    if (source.kind !== "tweets") return this.readWith(source, this.parserOf(source));
    if (this.people.size === 0 || this.notices.has("names-unread")) return;
    try {
      await this.readWith(source, this.parserOf(source));
    } catch (error) {
      if (!(error instanceof ArchiveError) || !COSTS_NAMES.includes(error.code)) throw error;
      this.notices.add("names-unread");
    }
  }

  /**
   * @param {Source} source
   * @param {{ push: (chunk: Uint8Array, from: number) => void, end: () => void }} parser
   */
  async readWith(source, parser) {
    const stage = source.kind === "tweets" ? "names" : "lists";
    const prefix = new Prefix(source.kind, source.name);
    /** @type {unknown} what the streams between would wrap */
    let thrown;
    const sink = new WritableStream({
      write: (chunk) => {
        try {
          const from = prefix.skip(chunk);
          if (prefix.isPassed) parser.push(chunk, from);
        } catch (error) {
          throw (thrown = error);
        }
        this.done += chunk.length;
        this.onProgress({ stage, done: this.done, total: this.total });
      },
    });
    try {
      await source.pipeTo(sink);
    } catch (error) {
      throw thrown ?? error;
    }
    prefix.end();
    parser.end();
  }

  /** @param {Source} source */
  parserOf({ kind, name }) {
    switch (kind) {
      case "manifest":
        return new WholeFile(MAX_MANIFEST_BYTES, name, (bytes) => this.takeManifest(bytes, name));
      case "account":
        return new ElementFramer(name, MAX_ROW_BYTES, (bytes) => (this.owner ??= readAccount(bytes, name)));
      case "tweets":
        return new ElementFramer(name, MAX_TWEET_BYTES, (bytes) => readMentions(bytes, this.people, name));
      default:
        return new ElementFramer(name, MAX_ROW_BYTES, (bytes) =>
          this.people.add(kind, readRow(kind, bytes, name), name),
        );
    }
  }

  /**
   * @param {Uint8Array} bytes
   * @param {string} name
   */
  takeManifest(bytes, name) {
    const { owner, counts } = readManifest(bytes, name);
    this.owner ??= owner;
    this.counted = counts;
  }

  /** @returns {Reading} */
  result() {
    const { counts } = this.people;
    if (this.people.size === 0) this.notices.add("nobody");
    else if (!this.kinds.has("following")) this.notices.add("following-missing");
    else if (counts.following === 0) this.notices.add("zero-follows");
    if (LISTS.some((list) => (this.counted[list] ?? 0) > counts[list])) this.notices.add("parts-missing");
    if (this.people.size > 0 && !this.kinds.has("tweets")) this.notices.add("names-missing");
    return { people: this.people, owner: this.owner, notices: [...this.notices] };
  }
}
