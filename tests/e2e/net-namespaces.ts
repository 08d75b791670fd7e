/**
 * Network namespaces of a test's own: one hub with a bridge, where clients
 * run, and one for each machine, joined to it by a veth pair. Nothing is added
 * to the network of the system itself.
 *
 * A cut sends packets to a hardware address that nobody has, so that they are
 * lost in silence, and in one direction only if so wished.
 */
const SUBNET = "10.91.7";
export const HUB_ADDRESS = `${SUBNET}.254`;
let nextNumber = 0;

/** Namespaces work here: a root user, iproute2, and a kernel that takes veth and bridge. */
export function namespacesWork(): boolean {
  if (process.getuid?.() !== 0 || Bun.which("ip") === null || Bun.which("tc") === null) return false;
  const probe = `mesh-probe-${process.pid}`;
  const made = Bun.spawnSync(["ip", "netns", "add", probe], { stderr: "ignore" }).success;
  const bridged = made && Bun.spawnSync(["ip", "-n", probe, "link", "add", "br0", "type", "bridge"]).success;
  if (made) Bun.spawnSync(["ip", "netns", "del", probe]);
  return bridged;
}

export class Namespaces implements Disposable {
  readonly name: string;
  readonly #count: number;
  readonly #borrowed: boolean;
  readonly #cleanUp = (): void => this[Symbol.dispose]();

  /** `made`: the name of those that another process made, and will remove. */
  constructor(count: number, made?: string) {
    this.#count = count;
    this.#borrowed = made !== undefined;
    this.name = made ?? `mesh-${process.pid}-${nextNumber++}`;
    if (this.#borrowed) return;
    removeLeftOvers();
    process.on("exit", this.#cleanUp);
    try {
      this.#setUp();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Command words that run `command` on machine `i`, or in the hub. */
  on(i: number | "hub", command: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.#of(i), ...command];
  }

  /** The same in the mounts of the caller: `ip netns exec` hides cgroups. */
  enter(i: number | "hub", command: readonly string[]): string[] {
    return ["nsenter", `--net=/run/netns/${this.#of(i)}`, "--", ...command];
  }

  address(i: number): string {
    return `${SUBNET}.${i + 1}`;
  }

  /** Nothing from machine `from` reaches `to` any more; the other direction stays open. */
  cutOneWay(from: number, to: number): void {
    this.#neighbour(from, to, "02:00:00:00:ff:ff");
  }

  healOneWay(from: number, to: number): void {
    this.#neighbour(from, to, hardwareAddress(to));
  }

  /** Machine `i` and all others, the hub among them, hear nothing of each other. */
  cutOff(i: number): void {
    ip("-n", this.#of("hub"), "link", "set", `m${i}`, "down");
  }

  healOff(i: number): void {
    ip("-n", this.#of("hub"), "link", "set", `m${i}`, "up");
  }

  /** What machine `i` sends leaves at this rate and waits in line for it (tbf: kernels may lack netem). */
  slow(i: number, kilobitsPerS: number): void {
    const shape = ["rate", `${kilobitsPerS}kbit`, "burst", "4kb", "latency", "400ms"];
    run(["tc", "-n", this.#of(i), "qdisc", "replace", "dev", "eth0", "root", "tbf", ...shape]);
  }

  unslow(i: number): void {
    run(["tc", "-n", this.#of(i), "qdisc", "del", "dev", "eth0", "root"]);
  }

  [Symbol.dispose](): void {
    process.off("exit", this.#cleanUp);
    if (this.#borrowed) return;
    for (const i of [...Array(this.#count).keys(), "hub"] as const) {
      Bun.spawnSync(["ip", "netns", "del", this.#of(i)], { stderr: "ignore" });
    }
  }

  #setUp(): void {
    const hub = this.#of("hub");
    ip("netns", "add", hub);
    ip("-n", hub, "link", "set", "lo", "up");
    ip("-n", hub, "link", "add", "br0", "type", "bridge");
    ip("-n", hub, "addr", "add", `${HUB_ADDRESS}/24`, "dev", "br0");
    ip("-n", hub, "link", "set", "br0", "up");
    for (let i = 0; i < this.#count; i++) {
      const own = this.#of(i);
      ip("netns", "add", own);
      const far = ["peer", "name", "eth0", "netns", own, "address", hardwareAddress(i)];
      ip("-n", hub, "link", "add", `m${i}`, "type", "veth", ...far);
      ip("-n", hub, "link", "set", `m${i}`, "master", "br0", "up");
      ip("-n", own, "link", "set", "lo", "up");
      ip("-n", own, "addr", "add", `${this.address(i)}/24`, "dev", "eth0");
      ip("-n", own, "link", "set", "eth0", "up");
    }
    for (let i = 0; i < this.#count; i++) {
      for (let j = 0; j < this.#count; j++) if (i !== j) this.healOneWay(i, j);
    }
  }

  #of(i: number | "hub"): string {
    return `${this.name}-${i}`;
  }

  #neighbour(from: number, to: number, hardware: string): void {
    const entry = [this.address(to), "lladdr", hardware, "dev", "eth0", "nud", "permanent"];
    ip("-n", this.#of(from), "neigh", "replace", ...entry);
  }
}

function hardwareAddress(i: number): string {
  return `02:00:00:00:07:${String(i + 1).padStart(2, "0")}`;
}

/** Of test runs that were killed. */
function removeLeftOvers(): void {
  const list = Bun.spawnSync(["ip", "netns", "list"]).stdout.toString();
  for (const [name, pid] of list.matchAll(/^mesh-(\d+)-\d+-\S+/gm)) {
    if (isAlive(Number(pid))) continue;
    Bun.spawnSync(["ip", "netns", "del", name], { stderr: "ignore" });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function ip(...words: string[]): void {
  run(["ip", ...words]);
}

function run(words: readonly string[]): void {
  const done = Bun.spawnSync([...words], { stderr: "pipe" });
  if (!done.success) throw new Error(`Cannot run "${words.join(" ")}": ${done.stderr.toString().trim()}`);
}
