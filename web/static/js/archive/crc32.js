// @ts-check

const POLYNOMIAL = 0xedb88320;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/**
 * The checksum of ZIP (CRC-32, ISO 3309) over one more chunk.
 * @param {Uint8Array} chunk
 * @param {number} [before] - of the chunks before it
 */
export function crc32(chunk, before = 0) {
  let crc = ~before;
  for (let i = 0; i < chunk.length; i++) crc = TABLE[(crc ^ chunk[i]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}
