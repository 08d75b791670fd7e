import { present } from "../base/assert.ts";
import { BLOB_MAX_BYTES } from "../base/limits.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { SchedulerCall } from "../model/v1/scheduler.ts";
import { encodeBlob } from "../wire/blob.ts";
import { checkFramework, tooLarge, wishesOf } from "./framework-checks.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";
import type { AnswerRef } from "./types.ts";

/**
 * UPDATE_FRAMEWORK: answered 200 once it is committed, 400 when the info is
 * invalid or changes what cannot change (FRW-7, FRW-8).
 */
export function updateFrameworkCall(
  leader: Leader,
  framework: FrameworkMemory,
  call: SchedulerCall,
  ref: AnswerRef,
): void {
  const body = present(call.update_framework, "UPDATE_FRAMEWORK must have been validated");
  const old = framework.info;
  const given: FrameworkInfo = { ...body.framework_info, id: { value: framework.id } };
  const error =
    checkFramework(leader.settings, { ...body, framework_info: given }, old) ?? changedField(old, given);
  if (error !== undefined) {
    leader.answer(ref, 400, `'FrameworkInfo' is not valid: ${error}`);
    return;
  }
  const info = encodeBlob("FrameworkInfo", given);
  if (info.length > BLOB_MAX_BYTES) {
    leader.answer(ref, 400, `'FrameworkInfo' is not valid: ${tooLarge(info)}`);
    return;
  }
  const wishes = wishesOf(leader.settings, body);
  if (!wishes.ok) {
    leader.answer(ref, 400, `'UpdateFramework.offer_constraints' are not valid: ${wishes.error}`);
    return;
  }
  leader.pendingFrameworks.push({
    frameworkId: framework.id,
    info,
    ...wishes.value,
    streamId: undefined,
    ref,
  });
  leader.propose({ kind: "update-framework", frameworkId: framework.id, info, atMs: leader.now.wallMs });
}

function changedField(old: FrameworkInfo, given: FrameworkInfo): string | undefined {
  if (old.user !== given.user) {
    return `Updating 'FrameworkInfo.user' is unsupported; attempted to update from '${old.user}' to '${given.user}'`;
  }
  const [before, after] = [old.checkpoint ?? false, given.checkpoint ?? false];
  if (before !== after) {
    return `Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from '${before}' to '${after}'`;
  }
  return undefined;
}
