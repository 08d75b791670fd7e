/** An agent's link to this master: bytes on one side, checked messages on the other. */
import type { Log } from "../base/log.ts";
import type { AcceptedLink, AgentLink } from "../io/agent-link.ts";
import type { AgentLinkHandlers } from "../io/link-listener.ts";
import { decodeAgentMessage } from "../master/agent-message.ts";
import type { Master } from "../master/run.ts";
import { encodeMsgpack } from "../wire/msgpack.ts";
import { hasRoomFor } from "./link-room.ts";

/** How long reading from agents rests when the inbox is full. */
const CONGESTION_PAUSE_MS = 10;

type LinkOwner = Pick<Master, "agentLinkOpened" | "congested">;

/** `master` is undefined while this process still starts: the agent comes again. */
export function serveAgent(master: LinkOwner | undefined, link: AcceptedLink, log: Log): AgentLinkHandlers {
  if (master === undefined) {
    link.close();
    return { onMessage() {}, onClose() {} };
  }
  const input = master.agentLinkOpened({
    send: (message) => {
      const payload = encodeMsgpack(message);
      if (message.kind === "framework-message" && !hasRoomFor(payload, link)) {
        const { frameworkId, executorId } = message;
        log.debug("Dropped a message for an executor: its agent's link is behind", {
          frameworkId,
          executorId,
        });
        return;
      }
      // What cannot be queued would be missing: the agent registers again on a new link.
      if (!link.send(payload)) link.close();
    },
    close: () => link.end(),
  });
  return {
    onMessage: (payload) => {
      const message = decodeAgentMessage(payload);
      if (!message.ok) {
        const fields = { remote: link.remote, reason: message.error };
        log.warn("Refused a message of an agent and closed its link", fields);
        link.close();
        return;
      }
      // Undefined: a later version says what this master has no use for.
      if (message.value !== undefined) input.message(message.value);
      if (master.congested) restLink(master, link);
    },
    onClose: () => input.closed(),
  };
}

/** Lets the agent wait, by TCP's own back-pressure, until the inbox has room. */
function restLink(master: LinkOwner, link: AgentLink): void {
  link.pause();
  const look = (): void => {
    if (master.congested) setTimeout(look, CONGESTION_PAUSE_MS);
    else link.resume();
  };
  setTimeout(look, CONGESTION_PAUSE_MS);
}
