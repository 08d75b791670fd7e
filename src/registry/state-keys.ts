/**
 * Keys of the registry on disk. Ids hold no slash and no control character
 * (model/validate-ids), so the parts of a key separate cleanly:
 *
 *     cluster                          cluster id
 *     digest                           running digest, two 32-bit halves
 *     framework/<id>                   FrameworkRecord
 *     completed-framework/<id>         FrameworkRecord with its removal
 *     agent/<id>                       AgentRecord
 *     removed-agent/<id>               RemovedAgentRecord
 *     task/<framework>/<task>          TaskRecord
 *     completed-task/<framework>/<n>   TaskRecord; n as 12 digits keeps age order
 *     operation/<framework>/<id>       OperationRecord
 *     note/<key>                       value and version of a note; its key may hold slashes
 *     history-bounds                   how much history is kept, when it is not the default
 *     maintenance                      schedule, and machines that are down
 *     note-version                     the newest version given to any note
 */
import { unreachable } from "../base/assert.ts";

export type KeyOf =
  | { readonly kind: "cluster" }
  | { readonly kind: "digest" }
  | { readonly kind: "framework"; readonly id: string }
  | { readonly kind: "completed-framework"; readonly id: string }
  | { readonly kind: "agent"; readonly id: string }
  | { readonly kind: "removed-agent"; readonly id: string }
  | { readonly kind: "task"; readonly frameworkId: string; readonly taskId: string }
  | { readonly kind: "completed-task"; readonly frameworkId: string; readonly number: number }
  | { readonly kind: "operation"; readonly frameworkId: string; readonly operationId: string }
  | { readonly kind: "note"; readonly id: string }
  | { readonly kind: "maintenance" }
  | { readonly kind: "history-bounds" }
  | { readonly kind: "note-version" }
  | { readonly kind: "weight"; readonly id: string }
  | { readonly kind: "quota"; readonly id: string };

const NUMBER_DIGITS = 12;

export function keyOf(key: KeyOf): string {
  switch (key.kind) {
    case "cluster":
    case "digest":
    case "maintenance":
    case "history-bounds":
    case "note-version":
      return key.kind;
    case "framework":
    case "completed-framework":
    case "agent":
    case "removed-agent":
    case "note":
    case "weight":
    case "quota":
      return `${key.kind}/${key.id}`;
    case "task":
      return `task/${key.frameworkId}/${key.taskId}`;
    case "operation":
      return `operation/${key.frameworkId}/${key.operationId}`;
    case "completed-task":
      return `completed-task/${key.frameworkId}/${String(key.number).padStart(NUMBER_DIGITS, "0")}`;
    default:
      return unreachable(key);
  }
}

/** First part of a key, which tells the kind of its value. */
export function kindOfKey(key: string): string {
  const slash = key.indexOf("/");
  return slash < 0 ? key : key.slice(0, slash);
}

/** The rest of a key of the form `kind/id`. */
export function idOfKey(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}

/** Number at the end of a completed-task key. */
export function numberOfKey(key: string): number {
  return Number(key.slice(key.lastIndexOf("/") + 1));
}

const TASK_PREFIX = new TextEncoder().encode("task/");

/** Whether the bytes of a key are those of a task; there may be a million of them. */
export function isTaskKey(key: Uint8Array): boolean {
  for (let at = 0; at < TASK_PREFIX.length; at++) if (key[at] !== TASK_PREFIX[at]) return false;
  return true;
}
