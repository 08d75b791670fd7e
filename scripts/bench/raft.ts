/**
 * Puts of 256 bytes into the replicated log of three masters, beside three
 * members of etcd on the same machine in the same run, each by its own client
 * protocol to its leader. Both take turns, so that a busy machine slows both.
 * Options: `--rounds N` (default 3) of `--seconds N` (default 3) for each side, `--clients N,…` at once.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Etcd } from "../raft/etcd.ts";
import { EtcdClient } from "../raft/etcd-client.ts";
import { cpuSeconds, load, type Put, syncsPerSecond } from "../raft/load.ts";
import { Masters } from "../raft/masters.ts";
import { NoteClient } from "../raft/note-client.ts";
import { spread } from "./lib.ts";

const CLIENTS = [1, 64, 256];
const CLIENTS_PER_CONNECTION = 16;
const VALUE_BYTES = 256;
/** Before each round. */
const WARM_UP_SECONDS = 0.5;
/**
 * Before the first one, with most and with fewest clients: a runtime compiles its hot code while it runs,
 * and on two cores the compiler's thread is in the way of three masters. Servers run for weeks.
 */
const FIRST_WARM_UP_SECONDS = 10;

/** One of the two stores under load. */
class Side {
  readonly #name: string;
  readonly #pids: readonly number[];
  readonly #puts: readonly Put[];
  #latencyMs: number[] = [];
  #seconds = 0;
  #serverCpu = 0;
  #clientCpu = 0;

  constructor(name: string, pids: readonly number[], puts: readonly Put[]) {
    this.#name = name;
    this.#pids = pids;
    this.#puts = puts;
  }

  async round(clients: number, seconds: number): Promise<void> {
    const puts = this.#puts.slice(0, Math.ceil(clients / CLIENTS_PER_CONNECTION));
    await load(puts, clients, WARM_UP_SECONDS, VALUE_BYTES);
    const [server, client] = [cpuSeconds(this.#pids), cpuSeconds([process.pid])];
    const result = await load(puts, clients, seconds, VALUE_BYTES);
    this.#serverCpu += cpuSeconds(this.#pids) - server;
    this.#clientCpu += cpuSeconds([process.pid]) - client;
    this.#latencyMs = this.#latencyMs.concat(result.latencyMs);
    this.#seconds += result.seconds;
  }

  async warmUp(): Promise<void> {
    for (const clients of [Math.max(...CLIENTS), Math.min(...CLIENTS)]) {
      const puts = this.#puts.slice(0, Math.ceil(clients / CLIENTS_PER_CONNECTION));
      await load(puts, clients, FIRST_WARM_UP_SECONDS, VALUE_BYTES);
    }
  }

  /** What was measured since the last call. */
  take() {
    const puts = this.#latencyMs.length;
    const { p50, p99, max } = spread(this.#latencyMs);
    const perPut = (cpu: number): number => Math.round((cpu / puts) * 1e6);
    const result = {
      name: this.#name,
      putsPerS: Math.round(puts / this.#seconds),
      p50Ms: p50,
      p99Ms: p99,
      maxMs: max,
      serverCpuUsPerPut: perPut(this.#serverCpu),
      clientCpuUsPerPut: perPut(this.#clientCpu),
    };
    this.#latencyMs = [];
    this.#seconds = 0;
    this.#serverCpu = 0;
    this.#clientCpu = 0;
    return result;
  }
}

async function meshSide(masters: Masters): Promise<Side> {
  const leader = masters.links[await masters.leader()];
  if (leader === undefined) throw new Error("No master leads");
  const puts = await connections(async () => {
    const client = await NoteClient.connect(leader);
    return async (key, value) => {
      const { status, body } = await client.put(key, value);
      if (status !== 200) throw new Error(`A put was answered ${status}: ${body}`);
    };
  });
  return new Side("mesh", masters.pids, puts);
}

async function etcdSide(etcd: Etcd): Promise<Side> {
  const port = await etcd.leaderPort();
  const puts = await connections(async () => {
    const client = await EtcdClient.connect(port);
    return (key, value) => client.put(key, value);
  });
  return new Side("etcd", etcd.pids, puts);
}

function connections(connect: () => Promise<Put>): Promise<Put[]> {
  const count = Math.ceil(Math.max(...CLIENTS) / CLIENTS_PER_CONNECTION);
  return Promise.all(Array.from({ length: count }, connect));
}

export async function bench(): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "3" },
      clients: { type: "string", default: CLIENTS.join(",") },
    },
  });
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  const figures: Record<string, unknown> = { loadBefore: loadavg()[0] };
  await using masters = await Masters.start();
  await using etcd = await Etcd.start();
  figures["etcd"] = etcd === undefined ? "not installed (Debian: etcd-server)" : Etcd.version();
  const sides = [await meshSide(masters), ...(etcd === undefined ? [] : [await etcdSide(etcd)])];
  for (const side of sides) await side.warmUp();
  for (const clients of values.clients.split(",").map(Number)) {
    const syncs = syncsPerSecond();
    for (let round = 0; round < rounds; round++) for (const side of sides) await side.round(clients, seconds);
    const [mesh, other] = sides.map((side) => side.take());
    if (mesh === undefined) throw new Error("Nothing was measured");
    const key = `${clients} client${clients === 1 ? "" : "s"}`;
    figures[`${key}, mesh`] = mesh;
    if (other !== undefined) {
      figures[`${key}, etcd`] = other;
      const throughput = Math.round((mesh.putsPerS / other.putsPerS) * 100) / 100;
      figures[`${key}, ratio`] = { throughput, p99: Math.round((mesh.p99Ms / other.p99Ms) * 100) / 100 };
    }
    const perSync = Math.round((mesh.putsPerS / syncs) * 100) / 100;
    figures[`${key}, disk`] = { fdatasyncPerS: syncs, meshPutsPerSync: perSync };
  }
  figures["loadAfter"] = loadavg()[0];
  return figures;
}
