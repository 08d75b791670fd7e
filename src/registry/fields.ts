/**
 * Typed reading of the positional arrays in which commands and records are
 * kept. What is read here was written by this program and guarded by the
 * log's checksums, so a wrong type is a broken invariant, not an input error.
 */
import { AssertionError } from "../base/assert.ts";

export class Fields {
  readonly #values: readonly unknown[];
  readonly #what: string;

  constructor(values: unknown, what: string) {
    if (!Array.isArray(values)) throw new AssertionError(`${what} must be an array`);
    this.#values = values;
    this.#what = what;
  }

  get length(): number {
    return this.#values.length;
  }

  text(index: number): string {
    const value = this.#values[index];
    if (typeof value !== "string") throw this.#wrong(index, "be text", value);
    return value;
  }

  number(index: number): number {
    const value = this.#values[index];
    if (typeof value !== "number") throw this.#wrong(index, "be a number", value);
    return value;
  }

  bytes(index: number): Uint8Array {
    const value = this.#values[index];
    if (!(value instanceof Uint8Array)) throw this.#wrong(index, "be bytes", value);
    return value;
  }

  list(index: number): readonly unknown[] {
    const value = this.#values[index];
    if (!Array.isArray(value)) throw this.#wrong(index, "be a list", value);
    return value;
  }

  texts(index: number): readonly string[] {
    return this.list(index).map((value) => {
      if (typeof value !== "string") throw this.#wrong(index, "hold text", value);
      return value;
    });
  }

  byteLists(index: number): Uint8Array[] {
    return this.list(index).map((value) => {
      if (!(value instanceof Uint8Array)) throw this.#wrong(index, "hold bytes", value);
      return value;
    });
  }

  /** Absent trailing fields and null read as undefined: older writers did not have them. */
  optional<T>(index: number, read: (index: number) => T): T | undefined {
    const value = this.#values[index];
    return value === undefined || value === null ? undefined : read.call(this, index);
  }

  #wrong(index: number, what: string, value: unknown): AssertionError {
    return new AssertionError(`${this.#what}[${index}] must ${what}, got ${typeof value}`);
  }
}
