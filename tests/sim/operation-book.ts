/**
 * Operations of a framework, most with an id, and which of those were
 * answered: by their end, or by the word that nobody knows them.
 */
import type { OfferOperation, OperationStatus } from "../../src/model/v1/offers.ts";
import { Violation } from "./violation.ts";

const ENDS: ReadonlySet<string> = new Set([
  "OPERATION_FINISHED",
  "OPERATION_ERROR",
  "OPERATION_DROPPED",
  "OPERATION_UNKNOWN",
  "OPERATION_GONE_BY_OPERATOR",
]);

interface Open {
  readonly type: string;
  /** Nothing breaks between the framework and its leader any more. */
  readonly calm: boolean;
}

export class OperationBook {
  readonly #owner: string;
  readonly #open = new Map<string, Open>();
  #made = 0;
  /** From now on the end of an operation must come by itself: nothing may get lost. */
  calm = false;
  /** How often each kind came to each end: "RESERVE OPERATION_FINISHED". */
  readonly ends = new Map<string, number>();

  constructor(owner: string) {
    this.#owner = owner;
  }

  get open(): readonly string[] {
    return [...this.#open.keys()];
  }

  get finished(): number {
    let sum = 0;
    for (const [end, count] of this.ends) if (end.endsWith("_FINISHED")) sum += count;
    return sum;
  }

  /** Notes an answer. */
  tell({ operation_id, state, uuid }: OperationStatus): void {
    const id = operation_id?.value ?? "";
    if (!id.startsWith(`${this.#owner}-`)) throw new Error(`${this.#owner} was told of operation '${id}'`);
    const open = this.#open.get(id);
    if (open === undefined || !ENDS.has(state)) return;
    if (open.calm && state === "OPERATION_FINISHED" && uuid === undefined) {
      throw new Violation(`${this.#owner} had to ask for the end of operation '${id}'`);
    }
    this.#open.delete(id);
    const end = `${open.type} ${state}`;
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }

  /** Gives the operation an id, by which its end will be told. */
  named(operation: OfferOperation): OfferOperation {
    const value = `${this.#owner}-o${this.#made++}`;
    this.#open.set(value, { type: operation.type ?? "UNKNOWN", calm: this.calm });
    return { ...operation, id: { value } };
  }
}
