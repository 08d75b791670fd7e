/** One TCP connection: in order, nothing lost or repeated until it breaks; a cut stalls it. */
import type { Network } from "./network.ts";

/** What happens at the two ends. `client` opened the channel. */
export interface ChannelEnds {
  toServer(payload: unknown): void;
  toClient(payload: unknown): void;
  serverClosed(): void;
  clientClosed(): void;
}

export type Side = "client" | "server";

interface Stalled {
  readonly to: Side;
  readonly run: () => void;
}

export class Channel {
  readonly #network: Network;
  readonly #machines: Readonly<Record<Side, string>>;
  readonly #ends: ChannelEnds;
  readonly #onGone: () => void;
  readonly #open: Record<Side, boolean> = { client: true, server: true };
  readonly #lastDeliveryMs: Record<Side, number> = { client: 0, server: 0 };
  #stalled: Stalled[] = [];

  constructor(
    network: Network,
    machines: Readonly<Record<Side, string>>,
    ends: ChannelEnds,
    onGone: () => void,
  ) {
    this.#network = network;
    this.#machines = machines;
    this.#ends = ends;
    this.#onGone = onGone;
  }

  send(from: Side, payload: unknown): void {
    if (!this.#open[from]) return;
    const to = other(from);
    const carried = this.#network.carried(payload);
    this.#carry(to, () => {
      if (!this.#open[to]) return;
      if (to === "server") this.#ends.toServer(carried);
      else this.#ends.toClient(carried);
    });
  }

  /** `side` closes; the other one learns of it, in order after what was sent before. */
  close(side: Side): void {
    if (!this.#open[side]) return;
    this.#open[side] = false;
    const to = other(side);
    this.#carry(to, () => this.#tellClosed(to));
    this.#dropIfGone();
  }

  reset(machine: string): void {
    if (machine === this.#machines.client) this.close("client");
    if (machine === this.#machines.server) this.close("server");
  }

  /** The machine lost power: its side is gone, and nothing tells the other one. */
  vanish(machine: string): void {
    if (machine === this.#machines.client) this.#open.client = false;
    if (machine === this.#machines.server) this.#open.server = false;
    this.#dropIfGone();
  }

  /** Some cut ended: what can pass again passes, unless the connection `breaks`. */
  afterMend(breaks: boolean): void {
    if (!this.#stalled.some(({ to }) => this.#passes(to))) return;
    const stalled = this.#stalled;
    this.#stalled = [];
    if (breaks) {
      this.#tellClosed("client");
      this.#tellClosed("server");
      return;
    }
    for (const { to, run } of stalled) this.#carry(to, run);
  }

  #passes(to: Side): boolean {
    return !this.#network.isCut(this.#machines[other(to)], this.#machines[to]);
  }

  #carry(to: Side, run: () => void): void {
    if (!this.#passes(to) || this.#stalled.some((one) => one.to === to)) {
      this.#stalled.push({ to, run });
      return;
    }
    const { world } = this.#network;
    const atMs = Math.max(world.nowMs + this.#network.delayMs(), this.#lastDeliveryMs[to]);
    this.#lastDeliveryMs[to] = atMs;
    world.after(atMs - world.nowMs, run);
  }

  #tellClosed(side: Side): void {
    if (!this.#open[side]) return;
    this.#open[side] = false;
    if (side === "server") this.#ends.serverClosed();
    else this.#ends.clientClosed();
    this.#dropIfGone();
  }

  #dropIfGone(): void {
    if (!this.#open.client && !this.#open.server) this.#onGone();
  }
}

function other(side: Side): Side {
  return side === "client" ? "server" : "client";
}
