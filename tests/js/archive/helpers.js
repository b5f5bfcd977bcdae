// What the tests of the archive reader build their archives from.
import assert from "node:assert/strict";
import * as zip from "@zip.js/zip.js";
import { ArchiveError } from "../../../web/static/js/archive/errors.js";
import { readArchive } from "../../../web/static/js/archive/read.js";

export const encode = (text) => new TextEncoder().encode(text);

/** A file of an archive, as X writes it. */
export function part(name, records, number = 0) {
  return `window.YTD.${name}.part${number} = ${JSON.stringify(records, null, 2)}\n`;
}

/** The rows of a list, by account numbers. */
export function rows(key, ids) {
  return ids.map((id) => ({
    [key]: { accountId: id, userLink: `https://twitter.com/intent/user?user_id=${id}` },
  }));
}

export const following = (...ids) => part("following", rows("following", ids));

/** A post that mentions people: `{ id: handle }`. */
export function post(id, mentions) {
  const user_mentions = Object.entries(mentions).map(([id_str, screen_name]) => ({
    screen_name,
    id_str,
    id: id_str,
    name: "…",
  }));
  return {
    tweet: {
      id_str: id,
      full_text: 'a "quoted" \\ {brace}',
      entities: { user_mentions },
      in_reply_to_screen_name: "x",
    },
  };
}

/** A ZIP as a File; `files` maps paths to texts, bytes, or [content, options of the writer]. */
export async function zipOf(files, name = "twitter-2024-01-01-abc.zip") {
  zip.configure({ useWebWorkers: false });
  const writer = new zip.ZipWriter(new zip.Uint8ArrayWriter());
  for (const [path, value] of Object.entries(files)) {
    const [content, options] = Array.isArray(value) ? value : [value, {}];
    const bytes = typeof content === "string" ? encode(content) : content;
    await writer.add(path, new zip.Uint8ArrayReader(bytes), options);
  }
  return new File([await writer.close()], name);
}

/** Reads one file, or loose files `{ path: text }`. */
export function read(source, onProgress) {
  if (source instanceof File) return readArchive([{ path: source.name, file: source }], onProgress);
  const chosen = Object.entries(source).map(([path, content]) => ({
    path,
    file: new File([content], path.split("/").pop()),
  }));
  return readArchive(chosen, onProgress);
}

/** The rows of a reading as the lines that would be sent. */
export const linesOf = ({ people }) =>
  [...people.rows()].map(({ id, handle, lists }) => `${id},${handle ?? ""},${lists}`);

/** Expects an ArchiveError of this code, and of this file if one is given. */
export async function refuses(promise, code, file = undefined) {
  await assert.rejects(Promise.resolve(promise), (error) => {
    assert.ok(error instanceof ArchiveError, `not an ArchiveError: ${error?.stack}`);
    assert.equal(error.code, code, error.stack);
    if (file !== undefined) assert.equal(error.file, file);
    return true;
  });
}

/** Numbers from 0 to n - 1, the same in every run. */
export function seeded(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
