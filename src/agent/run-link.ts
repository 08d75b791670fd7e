/** The pump's one link to the leading master: opened when the core asks, closed when it changes its mind. */
import { INBOX_MAX_INPUTS } from "../base/limits.ts";
import type { AgentToMaster, MasterToAgent } from "../model/agent-protocol.ts";
import type { AgentDrivers, AgentLink } from "./run-drivers.ts";
import type { AgentInput, LeaderAddress } from "./types.ts";

/** Where inputs go; `size` is how many wait. */
export interface LinkInbox {
  put(input: AgentInput): void;
  size(): number;
}

export class MasterLink {
  readonly #drivers: Pick<AgentDrivers, "findLeader" | "openLink">;
  readonly #inbox: LinkInbox;
  #link: { readonly id: number; readonly link: AgentLink } | undefined;
  /** The link that the core wants; one that opens later than that is closed again. */
  #wanted = 0;
  #closed = false;

  constructor(drivers: Pick<AgentDrivers, "findLeader" | "openLink">, inbox: LinkInbox) {
    this.#drivers = drivers;
    this.#inbox = inbox;
  }

  async findLeader(): Promise<void> {
    const found = await this.#drivers.findLeader();
    if (found.ok) this.#inbox.put({ kind: "leader-found", leader: found.value });
    else this.#inbox.put({ kind: "leader-not-found", reason: found.error });
  }

  async connect(linkId: number, leader: LeaderAddress): Promise<void> {
    this.#wanted = linkId;
    const opened = await this.#drivers.openLink(leader, {
      onMessage: (message) => this.#take(linkId, message),
      onClose: (reason) => {
        if (this.#link?.id === linkId) this.#link = undefined;
        this.#inbox.put({ kind: "link-closed", linkId, reason });
      },
    });
    if (!opened.ok) {
      this.#inbox.put({ kind: "link-closed", linkId, reason: opened.error });
      return;
    }
    if (this.#wanted !== linkId || this.#closed) {
      opened.value.close();
      return;
    }
    this.#link = { id: linkId, link: opened.value };
    this.#inbox.put({ kind: "link-opened", linkId });
  }

  send(linkId: number, message: AgentToMaster): void {
    if (this.#link?.id === linkId) this.#link.link.send(message);
  }

  disconnect(linkId: number): void {
    if (this.#wanted === linkId) this.#wanted = 0;
    if (this.#link?.id !== linkId) return;
    this.#link.link.close();
    this.#link = undefined;
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#link?.link.close();
  }

  #take(linkId: number, message: MasterToAgent): void {
    if (this.#inbox.size() >= INBOX_MAX_INPUTS) {
      // The master says everything again after the next registration.
      this.disconnect(linkId);
      const reason = `the inbox is full (${INBOX_MAX_INPUTS} inputs)`;
      this.#inbox.put({ kind: "link-closed", linkId, reason });
      return;
    }
    this.#inbox.put({ kind: "message", linkId, message });
  }
}
