/**
 * Masters, agents and frameworks of one run, and the ways between them: how
 * agents and frameworks find the leader, and how calls reach it.
 */
import type { LeaderAddress } from "../../src/agent/types.ts";
import type { Random } from "../../src/base/random.ts";
import type { PeerMessage } from "../../src/master/node.ts";
import type { ClusterChange } from "../../src/master/port.ts";
import { DEFAULT_SETTINGS } from "../../src/master/settings.ts";
import type { MasterSettings } from "../../src/master/types.ts";
import type { SchedulerCall, SchedulerEvent } from "../../src/model/v1/scheduler.ts";
import type { Channel, ChannelEnds } from "./channel.ts";
import { Checker } from "./checker.ts";
import { Network } from "./network.ts";
import type { AgentPlan, SimOptions } from "./options.ts";
import { type MasterDirectory, SimAgent } from "./sim-agent.ts";
import { type MasterGate, SimFramework } from "./sim-framework.ts";
import { SimMaster } from "./sim-master.ts";
import { World } from "./world.ts";

/** Chance that a master hears at once of the death of a peer, by a reset of its connection. */
const HEARS_OF_DEATH = 0.7;

interface Connection {
  readonly master: SimMaster;
  readonly streamId: string;
  readonly channel: Channel;
  /** World time at which the last call arrives: later ones do not overtake it. */
  lastCallAtMs: number;
}

export class SimCluster implements MasterDirectory, MasterGate {
  readonly world: World;
  readonly network: Network;
  readonly options: SimOptions;
  readonly checker: Checker;
  readonly masters: SimMaster[] = [];
  readonly agents: SimAgent[] = [];
  readonly frameworks: SimFramework[] = [];
  readonly #random: Random;
  readonly #connections = new Map<SimFramework, Connection>();

  constructor(seed: number, options: SimOptions) {
    this.world = new World(seed);
    this.options = options;
    this.network = new Network(this.world, options.network);
    this.#random = this.world.fork();
    this.checker = new Checker(() => this.masters);
    const peers = Array.from({ length: options.masters }, (_, n) => `m${n + 1}`);
    for (const name of peers) this.masters.push(this.#newMaster(name, peers));
    for (const [n, plan] of options.agents.entries()) this.agents.push(this.#newAgent(n + 1, plan));
    for (const plan of options.frameworks) this.frameworks.push(new SimFramework(this.world, this, plan));
  }

  /** Names of all machines. */
  get machines(): string[] {
    return [...this.masters, ...this.agents, ...this.frameworks].map(({ name }) => name);
  }

  /** The master that leads, by the newest term if several think so. */
  leader(): SimMaster | undefined {
    let best: SimMaster | undefined;
    const termOf = (master: SimMaster | undefined): number => master?.node?.core.leader?.term ?? 0;
    for (const master of this.masters) if (termOf(master) > termOf(best)) best = master;
    return best;
  }

  /** What an operator asks of the leader; of nobody while none leads. */
  askForChange(change: ClusterChange): void {
    this.world.note(`operator: ${JSON.stringify(change)}`);
    this.leader()?.ask({ kind: "change", change });
  }

  crashMaster(master: SimMaster): void {
    master.crash();
    for (const peer of this.masters) {
      if (peer === master || !this.network.reaches(master.name, peer.name)) continue;
      if (!this.#random.chance(HEARS_OF_DEATH)) continue;
      this.world.after(this.network.delayMs(), () => peer.peerLost(master.name));
    }
  }

  findLeader(from: string): LeaderAddress | undefined {
    const asked = this.#reachable(from);
    const leader = asked?.node?.leadership();
    const linkHostname = asked?.node?.leaderId();
    if (asked?.node === undefined || leader === undefined || linkHostname === undefined) return undefined;
    if (leader.kind === "unknown") return undefined;
    const { id, hostname, port } = leader.kind === "leading" ? asked.node.settings.address : leader.leader;
    return { masterId: id, hostname, port, linkHostname, linkPort: 5060 };
  }

  openLink(
    from: string,
    to: string,
    ends: Pick<ChannelEnds, "toClient" | "clientClosed">,
  ): Channel | undefined {
    const master = this.masters.find(({ name }) => name === to);
    return this.network.reaches(from, to) ? master?.openLink(from, ends) : undefined;
  }

  subscribe(from: SimFramework, call: SchedulerCall, attempt: number): { streamId: string } | undefined {
    const master = this.#reachable(from.name);
    this.drop(from);
    const opened = master?.subscribe(from.name, call, {
      toClient: (payload) => from.onEvent(attempt, payload as SchedulerEvent),
      clientClosed: () => from.onClosed(attempt),
    });
    if (master === undefined || opened === undefined) return undefined;
    this.#connections.set(from, { master, ...opened, lastCallAtMs: 0 });
    return opened;
  }

  call(from: SimFramework, streamId: string, call: SchedulerCall): void {
    const connection = this.#connections.get(from);
    if (connection?.streamId !== streamId || this.network.isCut(from.name, connection.master.name)) return;
    let atMs = this.world.nowMs + this.network.delayMs();
    if (this.options.callsInOrder) atMs = Math.max(atMs, connection.lastCallAtMs);
    connection.lastCallAtMs = atMs;
    const carried = this.network.carried(call) as SchedulerCall;
    this.world.after(atMs - this.world.nowMs, () => connection.master.call(carried, streamId));
  }

  drop(from: SimFramework): void {
    this.#connections.get(from)?.channel.close("client");
    this.#connections.delete(from);
  }

  #reachable(from: string): SimMaster | undefined {
    const master = this.#random.pick(this.masters);
    return master.process.answers && this.network.reaches(from, master.name) ? master : undefined;
  }

  #skewMs(): number {
    return this.#random.between(-this.options.wallSkewMaxMs, this.options.wallSkewMaxMs);
  }

  #newMaster(name: string, peers: readonly string[]): SimMaster {
    const { options } = this;
    const { heartbeatMs, electionTimeoutMs, keepEntries, logMemoryMaxBytes, uncommittedMaxBytes } = options;
    const raft = {
      peers,
      heartbeatMs,
      electionTimeoutMs,
      keepEntries,
      memoryMaxBytes: logMemoryMaxBytes,
      ...(uncommittedMaxBytes === undefined ? {} : { uncommittedMaxBytes }),
    };
    const { diskMaxMs, turnMaxMs } = options;
    const wallSkewMs = this.#skewMs();
    const settings = masterSettings(options);
    return new SimMaster(
      this.network,
      { name, raft, settings, diskMaxMs, turnMaxMs, wallSkewMs },
      this.checker,
      (from, to, message) => this.#carry(from, to, message),
    );
  }

  #carry(from: string, to: string, message: PeerMessage): void {
    const target = this.masters.find(({ name }) => name === to);
    this.network.datagram(from, to, message, (arrived) => target?.receive(from, arrived as PeerMessage));
  }

  #newAgent(n: number, { cpus, memMib, revocableCpus }: AgentPlan): SimAgent {
    const cpusType = { name: "cpus", type: "SCALAR" as const };
    const beyond = { ...cpusType, scalar: { value: revocableCpus }, revocable: {} };
    const agent = new SimAgent(
      this.network,
      this,
      {
        name: `a${n}`,
        ip: `10.0.1.${n}`,
        resources: [
          { ...cpusType, scalar: { value: cpus } },
          ...(revocableCpus > 0 ? [beyond] : []),
          { name: "mem", type: "SCALAR", scalar: { value: memMib } },
          { name: "disk", type: "SCALAR", scalar: { value: 50 } },
          { name: "ports", type: "RANGES", ranges: { range: [{ begin: 31_000, end: 31_100 }] } },
        ],
        wallSkewMs: this.#skewMs(),
        staleChance: this.options.staleChance,
      },
      this.checker,
    );
    agent.kernel.onEnd = (spec, exit) => this.checker.ends(spec, exit);
    return agent;
  }
}

/** Short times, so that a minute shows everything. */
function masterSettings(options: SimOptions): Omit<MasterSettings, "address"> {
  return {
    ...DEFAULT_SETTINGS,
    version: "1.0.0",
    agentPingIntervalMs: 1_000,
    maxAgentPingTimeouts: 4,
    agentReregisterTimeoutMs: 10_000,
    frameworkReturnTimeoutMs: 8_000,
    heartbeatIntervalMs: 1_500,
    offerTimeoutMs: options.offerTimeoutMs,
    tasksEndedAtOnce: options.tasksEndedAtOnce,
    registryGcIntervalMs: options.rememberAgentsMs / 4,
    registryMaxAgentAgeMs: options.rememberAgentsMs,
    recoveryTimeoutMs: 3_000,
  };
}
