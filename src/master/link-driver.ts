/** Agents' links, between the pump and the driver that holds the sockets. */
import type { AgentToMaster, MasterToAgent } from "../model/agent-protocol.ts";

/** An agent's link, as its driver shows it. */
export interface AgentLinkDriver {
  send(message: MasterToAgent): void;
  /** Closes after what was sent before. */
  close(): void;
}

/** What the driver of an agent's link calls. */
export interface AgentLinkInput {
  message(message: AgentToMaster): void;
  closed(): void;
}

/** Where agent links are opened. */
export interface LinkPlace {
  readonly hostname: string;
  readonly port: number;
}

/** `address`: "host:port". */
export function linkPlace(address: string): LinkPlace {
  const colon = address.lastIndexOf(":");
  return { hostname: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
