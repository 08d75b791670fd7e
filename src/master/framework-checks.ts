import { BLOB_MAX_BYTES } from "../base/limits.ts";
import type { FrameworkInfo } from "../model/v1/frameworks.ts";
import type { SchedulerCallSubscribe } from "../model/v1/scheduler.ts";
import { checkSubscribe } from "../model/validate-framework-info.ts";
import type { MasterSettings } from "./types.ts";

/**
 * Why a framework may not subscribe or update itself so; undefined when it
 * may. `previous` is the info in the registry, if there is one.
 */
export function checkFramework(
  settings: MasterSettings,
  body: SchedulerCallSubscribe,
  previous: FrameworkInfo | undefined,
): string | undefined {
  const { roleWhitelist, rootSubmissions } = settings;
  const rules = { rootSubmissions, ...(roleWhitelist === undefined ? {} : { roleWhitelist }) };
  const invalid = checkSubscribe(body, rules);
  if (invalid !== undefined) return invalid;
  if (previous !== undefined && (previous.principal ?? "") !== (body.framework_info.principal ?? "")) {
    return "Changing framework's principal is not allowed";
  }
  return undefined;
}

/** Above BLOB_MAX_BYTES the info cannot be committed. */
export function tooLarge(info: Uint8Array): string {
  return `FrameworkInfo takes ${info.length} bytes, more than ${BLOB_MAX_BYTES}; shorten its labels or roles`;
}
