/** JSON that operators send to the older endpoints. */
import { fail, ok, type Result } from "../base/result.ts";
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";

/** Undefined when it is not JSON. */
export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

/** Reads each item as the message `name`; or why the first that is none is none. */
export function decodeItems<N extends MessageName>(
  name: N,
  items: readonly unknown[],
): Result<MessageTypes[N][]> {
  const messages: MessageTypes[N][] = [];
  for (const item of items) {
    const message = decodeJsonValue(name, item);
    if (!message.ok) return fail(message.error.message);
    messages.push(message.value);
  }
  return ok(messages);
}
