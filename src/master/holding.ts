import type { Resources } from "../model/resources.ts";
import type { TaskRecord } from "../registry/records.ts";

/** Resources that a task holds on an agent, from ACCEPT on until its end. */
export interface Holding {
  readonly frameworkId: string;
  readonly taskId: string;
  readonly role: string;
  readonly resources: Resources;
  readonly runId: string;
  /** The launch is proposed and not yet applied. */
  pending: boolean;
}

/** Of a task in the registry: nothing is copied that its record has. */
export class RecordedHolding implements Holding {
  readonly #task: TaskRecord;
  readonly resources: Resources;
  pending = false;

  constructor(task: TaskRecord, resources: Resources) {
    this.#task = task;
    this.resources = resources;
  }

  get frameworkId(): string {
    return this.#task.frameworkId;
  }
  get taskId(): string {
    return this.#task.taskId;
  }
  get role(): string {
    return this.#task.role;
  }
  get runId(): string {
    return this.#task.runId;
  }
}
