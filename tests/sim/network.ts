/**
 * A network between named machines: datagrams (raft messages, whose loss is
 * harmless) and channels (TCP: in order, nothing lost or repeated until the
 * channel breaks; a cut stalls it, a crash of one side breaks it).
 */
import type { Random } from "../../src/base/random.ts";
import { decodeMsgpack, encodeMsgpack } from "../../src/wire/msgpack.ts";
import { Channel, type ChannelEnds } from "./channel.ts";
import type { World } from "./world.ts";

export interface NetworkOptions {
  readonly dropPercent: number;
  readonly duplicatePercent: number;
  readonly delayMaxMs: number;
  /** Messages travel as msgpack bytes, as they do between real machines; slower. */
  readonly encoded: boolean;
}

/** "from>to". */
export type Direction = `${string}>${string}`;

/** Chance that a connection that stalled turns out to be broken when the cut ends. */
const BREAKS_AFTER_CUT = 0.3;

export class Network {
  readonly world: World;
  readonly #random: Random;
  readonly #options: NetworkOptions;
  /** Cuts in force; overlapping ones are counted. */
  readonly #cuts = new Map<Direction, number>();
  readonly #channels = new Set<Channel>();
  /** Set in the healing phase: no loss, no repeats, short ways. */
  faultless = false;

  constructor(world: World, options: NetworkOptions) {
    this.world = world;
    this.#random = world.fork();
    this.#options = options;
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`);
  }

  /** A question and its answer can pass. */
  reaches(from: string, to: string): boolean {
    return !this.isCut(from, to) && !this.isCut(to, from);
  }

  cut(directions: readonly Direction[]): void {
    for (const direction of directions) this.#cuts.set(direction, (this.#cuts.get(direction) ?? 0) + 1);
  }

  /** Ends cuts. Channels that stalled go on, or turn out to be broken. */
  mend(directions: readonly Direction[]): void {
    for (const direction of directions) {
      const count = this.#cuts.get(direction) ?? 0;
      if (count > 1) this.#cuts.set(direction, count - 1);
      else this.#cuts.delete(direction);
    }
    for (const channel of [...this.#channels]) channel.afterMend(this.#random.chance(BREAKS_AFTER_CUT));
  }

  mendAll(): void {
    this.#cuts.clear();
    this.mend([]);
  }

  /** One datagram: dropped, repeated and delayed as the options say. */
  datagram(from: string, to: string, message: unknown, deliver: (message: unknown) => void): void {
    const { dropPercent, duplicatePercent } = this.#options;
    if (this.isCut(from, to)) return;
    if (!this.faultless && this.#random.chance(dropPercent / 100)) return;
    const carried = this.carried(message);
    const arrive = (): void => deliver(carried);
    this.world.after(this.delayMs(), arrive);
    if (!this.faultless && this.#random.chance(duplicatePercent / 100))
      this.world.after(this.delayMs(), arrive);
  }

  delayMs(): number {
    return 0.2 + this.#random.fraction() * (this.faultless ? 1 : this.#options.delayMaxMs);
  }

  /** The message as the other side gets it. */
  carried(message: unknown): unknown {
    if (!this.#options.encoded) return message;
    const decoded = decodeMsgpack(encodeMsgpack(message));
    if (!decoded.ok) throw new Error(decoded.error);
    return decoded.value;
  }

  /** A connection, or undefined when `server` cannot be reached. */
  connect(client: string, server: string, ends: ChannelEnds): Channel | undefined {
    if (!this.reaches(client, server)) return undefined;
    const channel = new Channel(this, { client, server }, ends, () => this.#channels.delete(channel));
    this.#channels.add(channel);
    return channel;
  }

  /** The machine lost power: the other sides of its connections learn it by silence only. */
  vanishAll(machine: string): void {
    for (const channel of [...this.#channels]) channel.vanish(machine);
  }

  /** The process on `machine` died: the kernel resets its connections. */
  resetAll(machine: string): void {
    for (const channel of [...this.#channels]) channel.reset(machine);
  }
}
