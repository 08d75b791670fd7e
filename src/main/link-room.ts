import { LINK_MESSAGES_MAX_BYTES } from "../base/limits.ts";
import type { AgentLink } from "../io/agent-link.ts";

/**
 * Whether a message that may be lost, one between a framework and an executor, is queued: what must arrive
 * needs the room behind it, and would end the link without.
 */
export function hasRoomFor(message: Uint8Array, { queuedBytes }: Pick<AgentLink, "queuedBytes">): boolean {
  return queuedBytes + message.length <= LINK_MESSAGES_MAX_BYTES;
}
