/** A promise of the replicated log was broken. */
export class Violation extends Error {
  override readonly name = "Violation";
}
