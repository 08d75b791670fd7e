/** A promise of the cluster was broken. */
export class Violation extends Error {
  override readonly name = "Violation";
}
