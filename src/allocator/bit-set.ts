/**
 * A growing set of small integers, one bit each. Filters, eligibility and
 * capabilities are sets of clients; combining them word by word is what keeps
 * an agent that every framework has refused from costing a look at each of them.
 */

const NO_WORDS = new Uint32Array(0);

export class BitSet {
  #words = NO_WORDS;

  has(bit: number): boolean {
    const word = bit >>> 5;
    return word < this.#words.length && ((this.#words[word] as number) & (1 << (bit & 31))) !== 0;
  }

  set(bit: number): void {
    const word = bit >>> 5;
    if (word >= this.#words.length) this.#grow(word + 1);
    this.#words[word] = (this.#words[word] as number) | (1 << (bit & 31));
  }

  /** True if the bit was set. */
  clear(bit: number): boolean {
    if (!this.has(bit)) return false;
    const word = bit >>> 5;
    this.#words[word] = (this.#words[word] as number) & ~(1 << (bit & 31));
    return true;
  }

  reset(): void {
    this.#words.fill(0);
  }

  isEmpty(): boolean {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
    return true;
  }

  count(): number {
    const words = this.#words;
    let total = 0;
    for (let i = 0; i < words.length; i++) total += popCount(words[i] as number);
    return total;
  }

  /** Becomes equal to `other`. */
  assign(other: BitSet): void {
    const from = other.#words;
    if (this.#words.length < from.length) this.#words = new Uint32Array(from.length);
    this.#words.set(from);
    this.#words.fill(0, from.length);
  }

  /** Adds every member of `other`. */
  union(other: BitSet): void {
    const from = other.#words;
    if (from.length > this.#words.length) this.#grow(from.length);
    const words = this.#words;
    for (let i = 0; i < from.length; i++) words[i] = (words[i] as number) | (from[i] as number);
  }

  /** Keeps the members that `other` has too. */
  intersect(other: BitSet): void {
    const words = this.#words;
    const from = other.#words;
    const common = Math.min(words.length, from.length);
    for (let i = 0; i < common; i++) words[i] = (words[i] as number) & (from[i] as number);
    words.fill(0, common);
  }

  /** Removes every member of `other`. */
  subtract(other: BitSet): void {
    const words = this.#words;
    const from = other.#words;
    const common = Math.min(words.length, from.length);
    for (let i = 0; i < common; i++) words[i] = (words[i] as number) & ~(from[i] as number);
  }

  /** Members in ascending order. The set must not change meanwhile. */
  forEach(visit: (bit: number) => void): void {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) {
      let rest = words[i] as number;
      while (rest !== 0) {
        visit((i << 5) + lowestBit(rest));
        rest &= rest - 1;
      }
    }
  }

  #grow(length: number): void {
    const grown = new Uint32Array(Math.max(length, Math.min(this.#words.length * 2, length + 64)));
    grown.set(this.#words);
    this.#words = grown;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Number of ones: pairs, nibbles, then bytes are summed side by side. */
function popCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
