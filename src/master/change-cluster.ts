/** Dispatch of what operators ask of agents, machines and roles. */
import { deactivate, drain, markGone, reactivate } from "./agent-changes.ts";
import type { Leader } from "./leader.ts";
import { bringMachinesUp, takeMachinesDown, updateSchedule } from "./machine-changes.ts";
import type { ClusterChange } from "./port.ts";
import { changeRoles } from "./role-settings.ts";
import type { AnswerRef, ChangeInput } from "./types.ts";

type Handlers = {
  readonly [K in ClusterChange["kind"]]: (
    leader: Leader,
    ref: AnswerRef,
    change: Extract<ClusterChange, { kind: K }>,
  ) => void;
};

const HANDLERS: Handlers = {
  "mark-gone": markGone,
  drain,
  deactivate,
  reactivate,
  schedule: updateSchedule,
  "machines-down": takeMachinesDown,
  "machines-up": bringMachinesUp,
  weights: (leader, ref, change) => changeRoles(leader, ref, change),
  quota: (leader, ref, change) => changeRoles(leader, ref, change),
  "set-quota": (leader, ref, change) => changeRoles(leader, ref, change),
  "remove-quota": (leader, ref, change) => changeRoles(leader, ref, change),
};

export function changeCluster(leader: Leader, { ref, change }: ChangeInput): void {
  // The table is keyed by kind, so the handler found under it takes this change.
  const handler = HANDLERS[change.kind] as (leader: Leader, ref: AnswerRef, change: ClusterChange) => void;
  handler(leader, ref, change);
}
