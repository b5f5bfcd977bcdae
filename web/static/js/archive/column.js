// @ts-check

const FIRST_LENGTH = 1_024;

/**
 * A list of numbers that grows, without an object for each. What was never set is 0.
 * @template {Int32Array | Uint8Array | BigUint64Array} T
 */
export class Column {
  /** @param {new (length: number) => T} type */
  constructor(type) {
    this.type = type;
    this.values = new type(FIRST_LENGTH);
  }

  /**
   * @param {number} index
   * @returns {T[number]}
   */
  get(index) {
    return index < this.values.length ? this.values[index] : this.zero();
  }

  /**
   * @param {number} index
   * @param {T[number]} value
   */
  set(index, value) {
    if (index >= this.values.length) {
      const larger = new this.type(Math.max(index + 1, 2 * this.values.length));
      larger.set(/** @type {any} */ (this.values));
      this.values = larger;
    }
    this.values[index] = value;
  }

  /** @returns {T[number]} */
  zero() {
    return new this.type(1)[0];
  }
}
