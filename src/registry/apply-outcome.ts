import type { Outcome, RefusalReason } from "./commands.ts";

export const ACCEPTED: Outcome = { accepted: true };

export function refused(reason: RefusalReason): Outcome {
  return { accepted: false, reason };
}
