/**
 * src/base/ is what every other folder may use: assertions, results, errors,
 * bounds, time and chance as inputs, ids, and logging as cores see it. It
 * imports nothing and does no IO.
 *
 * Assertions stay on in production. They state what cannot happen inside the
 * process; what can go wrong outside (input, network, disk) is a result value.
 */

/** Thrown by `assert`; the process is not to go on after it. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * Throws {@link AssertionError} unless `condition` holds. A message that is put together costs its time and
 * memory also when all is well: what runs for every entry of the log throws AssertionError behind an `if`.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Marks a branch that the type system proves to be empty. */
export function unreachable(value: never, message = "Unreachable value"): never {
  throw new AssertionError(`${message}: ${JSON.stringify(value)}`);
}

/** Returns `value`, which must be present. */
export function present<T>(value: T | undefined | null, message: string): T {
  assert(value !== undefined && value !== null, message);
  return value;
}
