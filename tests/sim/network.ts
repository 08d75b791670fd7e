/**
 * A network between named machines: datagrams (raft messages, whose loss is
 * harmless) and channels (TCP: in order, nothing lost or repeated until the
 * channel breaks; a cut stalls it, a crash of one side breaks it).
 */
import type { World } from "./world.ts";

export interface NetworkOptions {
  readonly dropPercent: number;
  readonly duplicatePercent: number;
  readonly delayMaxMs: number;
}

export class Network {
  readonly #world: World;
  readonly options: NetworkOptions;
  /** "from>to" of one-way cuts. */
  readonly #cuts = new Set<string>();
  readonly #channels = new Set<Channel>();
  /** Set in the healing phase: no loss, no repeats. */
  faultless = false;

  constructor(world: World, options: NetworkOptions) {
    this.#world = world;
    this.options = options;
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Ends all cuts. Channels that stalled go on, or turn out to be broken. */
  heal(): void {
    if (this.#cuts.size === 0) return;
    this.#cuts.clear();
    for (const channel of [...this.#channels]) channel.afterHeal(this.#world.random.chance(0.3));
  }

  /** One datagram: dropped, repeated and delayed as the options say. */
  datagram(from: string, to: string, deliver: () => void): void {
    const { random } = this.#world;
    const { dropPercent, duplicatePercent } = this.options;
    if (this.isCut(from, to)) return;
    if (!this.faultless && random.chance(dropPercent / 100)) return;
    this.#world.after(this.delayMs(), deliver);
    if (!this.faultless && random.chance(duplicatePercent / 100)) this.#world.after(this.delayMs(), deliver);
  }

  delayMs(): number {
    const { random } = this.#world;
    return 0.2 + random.fraction() * (this.faultless ? 1 : this.options.delayMaxMs);
  }

  /** A connection, or undefined when `to` cannot be reached or does not answer. */
  connect(from: string, to: string, ends: ChannelEnds): Channel | undefined {
    if (this.isCut(from, to) || this.isCut(to, from)) return undefined;
    const channel = new Channel(this.#world, this, from, to, ends, () => this.#channels.delete(channel));
    this.#channels.add(channel);
    return channel;
  }

  /** The process on `machine` died: the kernel resets its connections. */
  resetAll(machine: string): void {
    for (const channel of [...this.#channels]) channel.reset(machine);
  }
}

/** What happens at the two ends. `client` opened the channel. */
export interface ChannelEnds {
  toServer(payload: unknown): void;
  toClient(payload: unknown): void;
  serverClosed(): void;
  clientClosed(): void;
}

type Side = "client" | "server";

interface Stalled {
  readonly to: Side;
  readonly run: () => void;
}

export class Channel {
  readonly #world: World;
  readonly #network: Network;
  readonly #client: string;
  readonly #server: string;
  readonly #ends: ChannelEnds;
  readonly #onGone: () => void;
  readonly #open: Record<Side, boolean> = { client: true, server: true };
  readonly #lastDeliveryMs: Record<Side, number> = { client: 0, server: 0 };
  #stalled: Stalled[] = [];

  constructor(
    world: World,
    network: Network,
    client: string,
    server: string,
    ends: ChannelEnds,
    onGone: () => void,
  ) {
    this.#world = world;
    this.#network = network;
    this.#client = client;
    this.#server = server;
    this.#ends = ends;
    this.#onGone = onGone;
  }

  send(from: Side, payload: unknown): void {
    if (!this.#open[from]) return;
    const to = other(from);
    this.#carry(to, () => {
      if (!this.#open[to]) return;
      if (to === "server") this.#ends.toServer(payload);
      else this.#ends.toClient(payload);
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
    if (machine === this.#client) this.close("client");
    if (machine === this.#server) this.close("server");
  }

  afterHeal(breaks: boolean): void {
    const stalled = this.#stalled;
    this.#stalled = [];
    if (breaks) {
      this.#tellClosed("client");
      this.#tellClosed("server");
      return;
    }
    for (const { to, run } of stalled) this.#carry(to, run);
  }

  #carry(to: Side, run: () => void): void {
    const [from, target] = to === "server" ? [this.#client, this.#server] : [this.#server, this.#client];
    if (this.#network.isCut(from, target) || this.#stalled.some((one) => one.to === to)) {
      this.#stalled.push({ to, run });
      return;
    }
    const atMs = Math.max(this.#world.nowMs + this.#network.delayMs(), this.#lastDeliveryMs[to]);
    this.#lastDeliveryMs[to] = atMs;
    this.#world.after(atMs - this.#world.nowMs, run);
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
