import type { OperationRecord } from "./records.ts";

/** Operations that ended and are not acknowledged: framework id → operation id → record. */
export class Operations {
  readonly #byFramework = new Map<string, Map<string, OperationRecord>>();

  get(frameworkId: string, operationId: string): OperationRecord | undefined {
    return this.#byFramework.get(frameworkId)?.get(operationId);
  }

  put(record: OperationRecord): void {
    let records = this.#byFramework.get(record.frameworkId);
    if (records === undefined) {
      records = new Map();
      this.#byFramework.set(record.frameworkId, records);
    }
    records.set(record.operationId, record);
  }

  delete({ frameworkId, operationId }: OperationRecord): void {
    const records = this.#byFramework.get(frameworkId);
    records?.delete(operationId);
    if (records?.size === 0) this.#byFramework.delete(frameworkId);
  }

  /** Of one framework or of all; in no order that masters agree on. */
  *all(frameworkId?: string): Iterable<OperationRecord> {
    if (frameworkId !== undefined) {
      yield* this.#byFramework.get(frameworkId)?.values() ?? [];
      return;
    }
    for (const records of this.#byFramework.values()) yield* records.values();
  }
}
