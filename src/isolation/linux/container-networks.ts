/**
 * Which containers are in which network namespace. One may be shared: the
 * first of its containers makes it and joins the networks, the last one to
 * end gives all of it back. What is done for one namespace is done in order.
 */
import { ok, type Result } from "../../base/result.ts";
import type { NetworkInfo } from "../../model/v1/containers.ts";
import type { ContainerNetwork } from "../network.ts";
import type { Networks } from "./networks.ts";

/** A container as its record names it. */
export interface NetworkMember {
  readonly containerId: string;
  /** Owner of its network; absent where only the container's id is known. */
  readonly network?: string;
}

export class ContainerNetworks {
  readonly #networks: Networks;
  /** Containers by owner. */
  readonly #members = new Map<string, Set<string>>();
  /** The end of what was asked for last, by owner. */
  readonly #turns = new Map<string, Promise<Result<void>>>();

  constructor(networks: Networks) {
    this.#networks = networks;
  }

  /** Owners that no container of this process is in: what a dead agent, or a stubborn plugin, left. */
  ownerless(): string[] {
    return this.#networks.ids().filter((owner) => !this.#members.has(owner));
  }

  /** As a status tells it; undefined for containers on the host's network. */
  infos(member: NetworkMember): readonly NetworkInfo[] | undefined {
    return this.#networks.infos(ownerOf(member));
  }

  /** What opens sockets, run in the container's namespace. Throws when it has none. */
  within<T>(member: NetworkMember, run: () => T): T {
    return this.#networks.within(ownerOf(member), run);
  }

  join({ containerId }: NetworkMember, wanted: ContainerNetwork, signal: AbortSignal): Promise<Result<void>> {
    const { owner } = wanted;
    this.#add(owner, containerId);
    return this.#inTurn(owner, async () => {
      const others = (this.#members.get(owner)?.size ?? 0) > 1;
      if (others && this.#networks.isJoined(owner)) return ok(undefined);
      return await this.#networks.join(owner, wanted, signal);
    });
  }

  /** A container of an earlier agent process that runs on. */
  retain(member: NetworkMember): void {
    const owner = ownerOf(member);
    if (!this.#networks.isJoined(owner)) return;
    const first = !this.#members.has(owner);
    this.#add(owner, member.containerId);
    if (first) this.#networks.check(owner);
  }

  /** The container has no process any more. Nothing happens when it was on the host's network. */
  async leave(member: NetworkMember): Promise<Result<void>> {
    const owner = ownerOf(member);
    if (!this.#members.has(owner) && !this.#networks.has(owner)) return ok(undefined);
    return await this.#inTurn(owner, async () => {
      const members = this.#members.get(owner);
      members?.delete(member.containerId);
      if (members !== undefined && members.size > 0) return ok(undefined);
      this.#members.delete(owner);
      return await this.#networks.leave(owner);
    });
  }

  close(): void {
    this.#networks.close();
  }

  #add(owner: string, containerId: string): void {
    const members = this.#members.get(owner);
    if (members === undefined) this.#members.set(owner, new Set([containerId]));
    else members.add(containerId);
  }

  #inTurn(owner: string, work: () => Promise<Result<void>>): Promise<Result<void>> {
    const turn = (this.#turns.get(owner) ?? Promise.resolve()).then(work).finally(() => {
      if (this.#turns.get(owner) === turn) this.#turns.delete(owner);
    });
    this.#turns.set(owner, turn);
    return turn;
  }
}

function ownerOf({ containerId, network }: NetworkMember): string {
  return network ?? containerId;
}
