// @ts-check
/** What the archive reader takes at most. Beyond each, an `ArchiveError` with a code of its own. */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** People in one list (following, followers, blocks, mutes), all parts together. */
export const MAX_ROWS_PER_LIST = 1_000_000;

/** Different people on all lists together. */
export const MAX_PEOPLE = 2_000_000;

/** Handles of people on no list, kept to see whether a handle changed hands. */
export const MAX_STRANGERS = 200_000;

/** Entries in the directory of a ZIP; one picture of an archive is one entry. */
export const MAX_ZIP_ENTRIES = 2_000_000;

/** Bytes of a ZIP's directory. */
export const MAX_ZIP_DIRECTORY_BYTES = 512 * MIB;

/** Bytes of a ZIP's directory that are read at a time. */
export const ZIP_WINDOW_BYTES = 64 * KIB;

/** How often a 32-bit offset may have wrapped: ZIPs of up to 256 GiB. */
export const MAX_OFFSET_WRAPS = 64;

/** Files that are opened in one archive, parts included. */
export const MAX_OPENED_FILES = 1_000;

/** Decompressed bytes of one list with all its parts: a million rows, as X writes them, are 165 MB. */
export const MAX_LIST_BYTES = 256 * MIB;

/** Decompressed bytes of `account.js`, and of `manifest.js`: each is parsed in one piece. */
export const MAX_ABOUT_BYTES = 4 * MIB;

/** Decompressed bytes of all posts. */
export const MAX_TWEETS_BYTES = 8 * GIB;

/** Decompressed bytes for one compressed byte. JSON as X writes it stays below 30; deflate reaches 1,032. */
export const MAX_RATIO = 200;

/** Below this size a file may have any ratio: it does no harm. */
export const RATIO_FREE_BYTES = 4 * MIB;

/** Compressed bytes that are inflated at a time: at the worst ratio this makes 66 MB. */
export const INFLATE_CHUNK_BYTES = 64 * KIB;

/** Bytes before the `=` of a file. */
export const MAX_PREFIX_BYTES = 256;

/** Bytes of one person in a list, or of one account. */
export const MAX_ROW_BYTES = 64 * KIB;

/** Lists and objects inside each other. */
export const MAX_DEPTH = 64;

/** Of so many rows one may be unreadable; a file with more of them is refused. */
export const ROWS_FOR_ONE_BAD = 100;

/** Bytes of one post. */
export const MAX_TWEET_BYTES = 4 * MIB;

/** Characters of a path inside an archive. */
export const MAX_PATH_CHARS = 1_024;
