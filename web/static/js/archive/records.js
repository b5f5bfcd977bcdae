// @ts-check
import { ArchiveError } from "./errors.js";

/**
 * Reads one record of a file from its bytes. Nothing of it is kept but what these functions return.
 * @typedef {import("./names.js").List} List
 * @typedef {{ id: string, handle: string | null }} Owner
 */

const SPACE = 0x20;
const OPEN_OBJECT = 0x7b;
const MAX_ID = "9223372036854775807";
const ID = /^[1-9]\d{0,18}$/;
/** X gives 4 to 15 characters today; accounts of 16 to 20 were made before. */
const HANDLE = /^\w{1,20}$/;
const RETWEET = /^RT @(\w{1,20}):/;
const KEYS = Object.freeze(
  /** @type {Record<List, string>} */ ({
    following: "following",
    follower: "follower",
    block: "blocking",
    mute: "muting",
  }),
);
const ID_KEY = '"accountId"';
/** X's pages that name an account by number: `/intent/user?user_id=1`, `/i/user/1`, `/redirect_by_id/1`. */
const LINK =
  /^https?:\/\/(?:[a-z0-9-]+\.)?(?:x|twitter)\.com\/(?:intent\/(?:user|follow)\?(?:[^#]*&)?user_id=(\d+)|i\/user\/(\d+)|(?:[^?#]*\/)?redirect_by_id\/(\d+))(?:[/?#&]|$)/i;
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The account number in one row of a list. Throws ArchiveError.
 * @param {List} list
 * @param {Uint8Array} bytes
 * @param {string} file
 */
export function readRow(list, bytes, file) {
  const parsed = parse(bytes, file);
  const row = child(parsed, KEYS[list]);
  if (!row || Object.keys(parsed).length > 1 || namesAnIdTwice(bytes)) throw new ArchiveError("wrong-shape", file);
  return readId(Object.hasOwn(row, "accountId") ? row["accountId"] : idOfLink(row["userLink"]), file);
}

/**
 * The owner in the first record of `account.js`, null where there is none; the e-mail beside it is dropped. Throws
 * ArchiveError.
 * @param {Uint8Array} bytes
 * @param {string} file
 * @returns {Owner | null}
 */
export function readAccount(bytes, file) {
  const accounts = parseAny(bytes, file);
  if (!Array.isArray(accounts)) throw new ArchiveError("wrong-shape", file);
  if (accounts.length === 0) return null;
  const account = isObject(accounts[0]) ? child(accounts[0], "account") : null;
  if (!account) throw new ArchiveError("wrong-shape", file);
  return { id: readId(account["accountId"], file), handle: handleOrNull(account["username"]) };
}

/**
 * The owner of an archive, how many rows each list has, and whether it is one part of several, by its manifest; what
 * is missing is left out.
 * @param {Uint8Array} bytes
 * @param {string} file
 * @returns {{ owner: Owner | null, counts: Partial<Record<List, number>>, isPartial: boolean }}
 */
export function readManifest(bytes, file) {
  const manifest = parse(bytes, file);
  const user = child(manifest, "userInfo");
  const id = user?.["accountId"];
  const owner = isId(id) ? { id, handle: handleOrNull(user?.["userName"]) } : null;
  const types = child(manifest, "dataTypes");
  /** @type {Partial<Record<List, number>>} */
  const counts = {};
  for (const list of /** @type {List[]} */ (Object.keys(KEYS))) {
    const files = child(types, list)?.["files"];
    if (Array.isArray(files)) counts[list] = files.reduce((sum, each) => sum + countOf(each?.count), 0);
  }
  const isPartial = child(manifest, "archiveInfo")?.["isPartialArchive"];
  return { owner, counts, isPartial: isPartial === true || isPartial === "true" };
}

/**
 * Shows the handles that one post mentions. Throws ArchiveError if it is no object, or not JSON.
 * @param {Uint8Array} bytes
 * @param {import("./people.js").People} people
 * @param {string} file
 */
export function readMentions(bytes, people, file) {
  if (bytes[bytes.findIndex((byte) => byte > SPACE)] !== OPEN_OBJECT) throw new ArchiveError("wrong-shape", file);
  if (!holdsScreenName(bytes)) return;
  const record = parse(bytes, file);
  const tweet = child(record, "tweet") ?? record;
  const mentions = child(tweet, "entities")?.["user_mentions"];
  const post = isId(tweet["id_str"]) ? BigInt(tweet["id_str"]) : 0n;
  if (!Array.isArray(mentions)) return;
  const retweeted = retweetedIn(tweet["full_text"]) ?? retweetedIn(tweet["text"]);
  for (const mention of mentions) {
    const handle = handleOrNull(mention?.screen_name);
    const id = [mention?.id_str, mention?.id].find(isId);
    const isDated = retweeted === null || handle?.toLowerCase() === retweeted;
    if (handle !== null && id !== undefined) people.see(id, handle, post, isDated);
  }
}

/**
 * Whose post a retweet repeats, in lower case; null for all else. What is repeated is older than the retweet, by years
 * maybe: only the mention of its author is of the retweet's own time.
 * @param {unknown} text
 */
function retweetedIn(text) {
  const found = typeof text === "string" ? RETWEET.exec(text) : null;
  return found === null ? null : found[1].toLowerCase();
}

/**
 * Whether the bytes hold `"screen_name`: most posts mention nobody, and need not be parsed.
 * @param {Uint8Array} bytes
 */
function holdsScreenName(bytes) {
  for (let at = bytes.indexOf(0x5f); at >= 0; at = bytes.indexOf(0x5f, at + 1)) {
    // "s…n_n: seven bytes before the _, and one after it, leave in_reply_to_screen_name out.
    if (bytes[at - 7] === 0x22 && bytes[at - 6] === 0x73 && bytes[at - 1] === 0x6e && bytes[at + 1] === 0x6e)
      return true;
  }
  return false;
}

/**
 * @param {Uint8Array} bytes
 * @param {string} file
 * @returns {Record<string, unknown>}
 */
function parse(bytes, file) {
  const value = parseAny(bytes, file);
  if (!isObject(value)) throw new ArchiveError("wrong-shape", file);
  return value;
}

/**
 * @param {Uint8Array} bytes
 * @param {string} file
 * @returns {unknown}
 */
function parseAny(bytes, file) {
  try {
    return JSON.parse(UTF8.decode(bytes));
  } catch (error) {
    throw new ArchiveError("not-json", file, error);
  }
}

/**
 * A count in a manifest, which X writes as a text; 0 for what is none.
 * @param {unknown} count
 */
function countOf(count) {
  const isCount = typeof count === "string" ? /^\d{1,9}$/.test(count) : Number.isSafeInteger(count);
  return isCount ? Math.max(0, Number(count)) : 0;
}

/**
 * @param {unknown} value
 * @param {string} file
 */
function readId(value, file) {
  if (typeof value === "number") throw new ArchiveError("numbers-for-strings", file);
  if (typeof value !== "string") throw new ArchiveError("wrong-shape", file);
  if (!isId(value)) throw new ArchiveError("bad-id", file);
  return value;
}

/**
 * The number in the link of a row that has none beside it: the last resort, as X writes both.
 * @param {unknown} link
 */
function idOfLink(link) {
  if (typeof link !== "string") return undefined;
  return LINK.exec(link)?.slice(1).find((id) => id !== undefined);
}

/**
 * Whether a row names two accounts: JSON.parse would take the last, and others the first.
 * @param {Uint8Array} bytes
 */
function namesAnIdTwice(bytes) {
  const text = UTF8.decode(bytes);
  const at = text.indexOf(ID_KEY);
  return at >= 0 && text.indexOf(ID_KEY, at + 1) >= 0;
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isId(value) {
  return typeof value === "string" && ID.test(value) && (value.length < MAX_ID.length || value <= MAX_ID);
}

/** @param {unknown} value */
function handleOrNull(value) {
  return typeof value === "string" && HANDLE.test(value) ? value : null;
}

/**
 * @param {Record<string, unknown> | null} parent
 * @param {string} key
 */
function child(parent, key) {
  const value = parent && Object.hasOwn(parent, key) ? parent[key] : null;
  return isObject(value) ? value : null;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
