/** The agent's link to a master: bytes on one side, messages on the other. */
import type { AgentLink, LinkEvents } from "../agent/run-drivers.ts";
import type { LeaderAddress } from "../agent/types.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { connectAgentLink } from "../io/agent-link.ts";
import type { LinkTls } from "../io/link-tls.ts";
import type { MasterToAgent } from "../model/agent-protocol.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/msgpack.ts";
import { hasRoomFor } from "./link-room.ts";

/** A link counts as open once the master has welcomed it. */
export function openLink(
  leader: LeaderAddress,
  events: LinkEvents,
  name: string,
  tls: LinkTls | undefined,
): Promise<Result<AgentLink>> {
  return new Promise((settle) => {
    let open = false;
    const lost = (reason: string): void => {
      if (!open) return;
      open = false;
      events.onClose(reason);
    };
    const link = connectAgentLink({
      hostname: leader.linkHostname,
      port: leader.linkPort,
      cluster: "",
      tls,
      from: name,
      onOpen: () => {
        open = true;
        settle(
          ok({
            send: (message) => {
              const payload = encodeMsgpack(message);
              if (message.kind === "executor-message" && !hasRoomFor(payload, link)) return;
              if (link.send(payload)) return;
              // What cannot be queued would be missing: a new link starts over with a registration.
              link.close();
              lost("its queue is full");
            },
            close: () => {
              open = false;
              link.close();
            },
          }),
        );
      },
      onMessage: (payload) => {
        const message = decodeMsgpack(payload);
        if (message.ok && isFromMaster(message.value)) events.onMessage(message.value);
        else link.close();
      },
      onClose: (reason) => {
        lost(reason);
        settle(fail(reason));
      },
    });
  });
}

/** Written by a master, of this version or another; kinds unknown here the core passes over. */
function isFromMaster(value: unknown): value is MasterToAgent {
  if (typeof value !== "object" || value === null) return false;
  const { kind, term } = value as Readonly<Record<string, unknown>>;
  return typeof kind === "string" && typeof term === "number";
}
