/**
 * Which container holds which GPU (Mesos src/slave/containerizer/mesos/isolators/gpu). A GPU is held by
 * one container at a time, from before its launch until nothing of it is left. Pure: the driver
 * (linux/gpu-holders.ts) opens the devices to containers and waits for those that are not free.
 */
/** A device file of the host. */
export interface DeviceNode {
  /** Absolute. */
  readonly path: string;
  readonly major: number;
  readonly minor: number;
}

/** What an agent hands out. */
export interface GpuSettings {
  /** In the order in which they are given. */
  readonly gpus: readonly DeviceNode[];
  /** Devices of the driver, for everyone who holds a GPU. */
  readonly driver: readonly DeviceNode[];
}

interface Holder {
  wanted: number;
  held: readonly DeviceNode[];
}

/** A container that got GPUs, with all that it now holds. */
export interface Given {
  readonly containerId: string;
  readonly held: readonly DeviceNode[];
}

export class GpuBook {
  readonly #all: readonly DeviceNode[];
  /** In the order in which they came. */
  readonly #holders = new Map<string, Holder>();

  constructor(all: readonly DeviceNode[]) {
    this.#all = all;
  }

  get total(): number {
    return this.#all.length;
  }

  free(): readonly DeviceNode[] {
    const held = new Set([...this.#holders.values()].flatMap((holder) => holder.held));
    return this.#all.filter((gpu) => !held.has(gpu));
  }

  held(containerId: string): readonly DeviceNode[] {
    return this.#holders.get(containerId)?.held ?? [];
  }

  /** Whether it waits for more than it holds. */
  waits(containerId: string): boolean {
    const holder = this.#holders.get(containerId);
    return holder !== undefined && holder.held.length < holder.wanted;
  }

  /** The container is to hold so many: it gives up at once what is too much, `serve` gives what it lacks. */
  want(containerId: string, count: number): void {
    const held = this.held(containerId).slice(0, count);
    if (count === 0) this.#holders.delete(containerId);
    else this.#holders.set(containerId, { wanted: count, held });
  }

  /** It holds these from before a restart of the agent; those that are handed out no more do not count. */
  restore(containerId: string, paths: readonly string[], wanted = 0): void {
    const held = this.free().filter(({ path }) => paths.includes(path));
    this.#holders.set(containerId, { wanted: Math.max(wanted, held.length), held });
  }

  release(containerId: string): void {
    this.#holders.delete(containerId);
  }

  /** Gives what is free to those who wait, to each all that it lacks or nothing, in the order they came. */
  serve(): readonly Given[] {
    const given: Given[] = [];
    const free = [...this.free()];
    for (const [containerId, holder] of this.#holders) {
      const lacks = holder.wanted - holder.held.length;
      if (lacks === 0 || lacks > free.length) continue;
      holder.held = [...holder.held, ...free.splice(0, lacks)];
      given.push({ containerId, held: holder.held });
    }
    return given;
  }
}
