/** Validation of operator calls that needs no state (master/validation.cpp, slave/validation.cpp). */
import { fail, ok, type Result } from "../base/result.ts";
import type { MessageTypes } from "../model/v1/message-types.ts";
import { messageSchema } from "../wire/schema.ts";

type OperatorCallName = "MasterCall" | "AgentCall";

/** Bodies that a call may leave out. */
const OPTIONAL_BODIES = new Set(["get_containers", "prune_images"]);

/** A call needs its `type`, and the body named after it where the schema has one. */
export function validateOperatorCall<N extends OperatorCallName>(
  name: N,
  call: MessageTypes[N],
): Result<NonNullable<MessageTypes[N]["type"]>> {
  const { type } = call;
  if (type === undefined) return fail("Expecting 'type' to be present");
  const body = type.toLowerCase();
  const { fields } = messageSchema(name);
  const needed = !OPTIONAL_BODIES.has(body) && fields.some((field) => field.name === body);
  if (needed && call[body as keyof typeof call] === undefined) {
    return fail(`Expecting '${body}' to be present`);
  }
  return ok(type);
}
