/**
 * Typed reading of the positional arrays in which commands and records are
 * kept. What is read here was written by this program and guarded by the
 * log's checksums, so a wrong type is a broken invariant, not an input error.
 */
import { assert } from "../base/assert.ts";

export class Fields {
  readonly #values: readonly unknown[];
  readonly #what: string;

  constructor(values: unknown, what: string) {
    assert(Array.isArray(values), `${what} must be an array`);
    this.#values = values;
    this.#what = what;
  }

  get length(): number {
    return this.#values.length;
  }

  text(index: number): string {
    const value = this.#values[index];
    assert(typeof value === "string", `${this.#what}[${index}] must be text, got ${typeof value}`);
    return value;
  }

  number(index: number): number {
    const value = this.#values[index];
    assert(typeof value === "number", `${this.#what}[${index}] must be a number, got ${typeof value}`);
    return value;
  }

  bytes(index: number): Uint8Array {
    const value = this.#values[index];
    assert(value instanceof Uint8Array, `${this.#what}[${index}] must be bytes, got ${typeof value}`);
    return value;
  }

  list(index: number): readonly unknown[] {
    const value = this.#values[index];
    assert(Array.isArray(value), `${this.#what}[${index}] must be a list, got ${typeof value}`);
    return value;
  }

  texts(index: number): readonly string[] {
    return this.list(index).map((value) => {
      assert(typeof value === "string", `${this.#what}[${index}] must hold text, got ${typeof value}`);
      return value;
    });
  }

  byteLists(index: number): Uint8Array[] {
    return this.list(index).map((value) => {
      assert(value instanceof Uint8Array, `${this.#what}[${index}] must hold bytes, got ${typeof value}`);
      return value;
    });
  }

  /** Absent trailing fields and null read as undefined: older writers did not have them. */
  optional<T>(index: number, read: (index: number) => T): T | undefined {
    const value = this.#values[index];
    return value === undefined || value === null ? undefined : read.call(this, index);
  }
}
