// Writes [id, token] pairs as a browser computes them: node syndication-tokens.mjs [id…] > syndication-tokens.json
// Without ids: the first ids, powers of two and their neighbours, powers of ten, and 1,200 spread ids.
const token = (id) => ((Number(id) / 1e15) * Math.PI).toString(36).replace(/(0+|\.)/g, "");
const MAX = 2n ** 63n - 1n;

function chosen() {
  const ids = new Set();
  for (let id = 1n; id <= 40n; id += 1n) ids.add(id);
  for (let power = 1n; power < 63n; power += 1n) for (const near of [-1n, 0n, 1n]) ids.add(2n ** power + near);
  for (let power = 1n; power < 19n; power += 1n) ids.add(10n ** power);
  ids.add(MAX);
  let spread = 1n;
  for (let count = 0; count < 1200; count += 1) {
    spread = (spread * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    ids.add((spread >> BigInt(1 + (count % 40))) || 1n);
  }
  return [...ids].filter((id) => id >= 1n && id <= MAX);
}

const ids = process.argv.length > 2 ? process.argv.slice(2) : chosen().map(String);
process.stdout.write(`[\n${ids.map((id) => JSON.stringify([id, token(id)])).join(",\n")}\n]\n`);
