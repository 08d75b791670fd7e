/**
 * What clients see of a master's end: SIGKILL to the leader of three until a
 * new leader has committed something, until a framework is subscribed and has
 * offers again, and SIGTERM, which hands leadership over first. Clients write
 * growing numbers all the while; an acknowledged one that is gone is lost.
 * Options: `--rounds N` of SIGKILL (default 50), `--quick` for 20.
 */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BINARY } from "../build.ts";
import { freePort } from "../free-port.ts";
import { Masters } from "../raft/masters.ts";
import { NoteClient } from "../raft/note-client.ts";
import { ReturningScheduler } from "../raft/returning-scheduler.ts";
import { SequenceClient } from "../raft/sequence-client.ts";
import { spread } from "./lib.ts";

const WRITERS = 8;
const QUICK_ROUNDS = 20;
const GRACEFUL_ROUNDS = 10;
const SETTLE_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
/** Between two tries to commit; the figures are that much too high at most. */
const PROBE_MS = 2;

interface RaftView {
  readonly commitIndex: number;
  readonly appliedIndex: number;
}

class Failover {
  readonly #masters: Masters;
  readonly #writers: readonly SequenceClient[];
  readonly #scheduler: ReturningScheduler;
  lost = 0;

  constructor(masters: Masters) {
    this.#masters = masters;
    this.#writers = Array.from(
      { length: WRITERS },
      (_, i) => new SequenceClient(`writer-${i}`, masters.links),
    );
    this.#scheduler = new ReturningScheduler(masters.places.map(({ port }) => `http://127.0.0.1:${port}`));
  }

  get acknowledged(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.acknowledgements, 0);
  }

  /** Runs the clients beside `rounds`. */
  async during(rounds: () => Promise<void>): Promise<void> {
    const clients = [...this.#writers.map((writer) => writer.run()), this.#scheduler.run()];
    await this.#scheduler.next("OFFERS");
    await rounds();
    for (const writer of this.#writers) writer.stop();
    this.#scheduler.stop();
    await Promise.all(clients.slice(0, WRITERS));
  }

  /** One end of the leader; milliseconds from the signal on. */
  async round(signal: "SIGKILL" | "SIGTERM") {
    const old = await this.#masters.leader();
    const others = this.#masters.links.filter((_, i) => i !== old);
    const links = await Promise.all(others.map((place) => NoteClient.connect(place)));
    const [subscribed, offers] = [this.#scheduler.next("SUBSCRIBED"), this.#scheduler.next("OFFERS")];
    const startedMs = performance.now();
    this.#masters.signal(old, signal);
    const committedMs = (await firstCommit(links)) - startedMs;
    const times = {
      committedMs,
      subscribedMs: (await subscribed) - startedMs,
      offersMs: (await offers) - startedMs,
    };
    for (const link of links) link.close();
    await this.#masters.stopOne(old, "SIGKILL");
    await this.#countLost();
    this.#masters.startOne(old);
    await this.#caughtUp(old);
    return times;
  }

  /** Reads back what was acknowledged before the new leader is asked. */
  async #countLost(): Promise<void> {
    const leader = this.#masters.links[await this.#masters.leader()];
    if (leader === undefined) throw new Error("No master leads");
    const link = await NoteClient.connect(leader);
    for (const writer of this.#writers) {
      const { acknowledged } = writer;
      const { status, body } = await link.get(writer.key);
      const found = status === 200 ? Number(new TextDecoder().decode(body as Uint8Array)) : 0;
      if (found < acknowledged) this.lost++;
    }
    link.close();
  }

  async #caughtUp(i: number): Promise<void> {
    const leader = await this.#raft(await this.#masters.leader(i));
    const deadline = performance.now() + SETTLE_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const status = await this.#raft(i).catch(() => undefined);
      if (status !== undefined && status.appliedIndex >= leader.commitIndex) return;
      await Bun.sleep(POLL_MS);
    }
    throw new Error(`Master ${i} did not catch up; logs are in ${this.#masters.directory}`);
  }

  async #raft(i: number): Promise<RaftView> {
    const answer = await fetch(`http://127.0.0.1:${this.#masters.places[i]?.port}/mesh/raft`);
    return (await answer.json()) as RaftView;
  }
}

/** When one of these masters, none of which leads yet, has committed something. */
function firstCommit(links: readonly NoteClient[]): Promise<number> {
  const value = new Uint8Array(1);
  return Promise.race(
    links.map(async (link) => {
      for (;;) {
        const { status } = await link.put("probe", value);
        if (status === 200) return performance.now();
        await Bun.sleep(PROBE_MS);
      }
    }),
  );
}

function startAgent(masters: Masters): Bun.Subprocess {
  const output = openSync(join(masters.directory, "agent.log"), "a");
  const addresses = masters.places.map(({ port }) => `127.0.0.1:${port}`).join(",");
  const place = [
    "--ip",
    "127.0.0.1",
    "--port",
    String(freePort()),
    "--work-dir",
    join(masters.directory, "agent"),
  ];
  const agent = Bun.spawn([BINARY, "agent", "--master", addresses, ...place], {
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  return agent;
}

export async function bench(): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { rounds: { type: "string", default: "50" }, quick: { type: "boolean", default: false } },
  });
  const rounds = values.quick ? QUICK_ROUNDS : Number(values.rounds);
  await using masters = await Masters.start();
  const agent = startAgent(masters);
  const failover = new Failover(masters);
  const killed: Awaited<ReturnType<Failover["round"]>>[] = [];
  const ended: typeof killed = [];
  try {
    await failover.during(async () => {
      for (let i = 0; i < rounds; i++) killed.push(await failover.round("SIGKILL"));
      for (let i = 0; i < GRACEFUL_ROUNDS; i++) ended.push(await failover.round("SIGTERM"));
    });
  } finally {
    agent.kill("SIGKILL");
    await agent.exited;
  }
  return {
    "SIGKILL to a commit of the new leader, ms": spread(killed.map((one) => one.committedMs)),
    "SIGKILL to SUBSCRIBED, ms": spread(killed.map((one) => one.subscribedMs)),
    "SIGKILL to OFFERS, ms": spread(killed.map((one) => one.offersMs)),
    "SIGTERM to a commit of the new leader, ms": spread(ended.map((one) => one.committedMs)),
    "SIGTERM to OFFERS, ms": spread(ended.map((one) => one.offersMs)),
    "acknowledged writes": failover.acknowledged,
    "writers that lost an acknowledged write": failover.lost,
  };
}
