/**
 * What health checks cost an agent, and how punctual they are: tasks that
 * sleep, each checked every 10 s. HTTP and TCP checks ask a server in this
 * process; commands are `true`. Options: `--kinds none,http,tcp,command`,
 * `--tasks N`, `--seconds N` of each measurement.
 */
import { createServer } from "node:net";
import { parseArgs } from "node:util";
import { Cluster } from "../cluster.ts";
import { cpuSeconds } from "../raft/load.ts";
import { BENCH_RESOURCES, processTree, pssBytes, spread } from "./lib.ts";
import { runLoad } from "./load.ts";

const KINDS = ["none", "http", "tcp", "command"] as const;
type Kind = (typeof KINDS)[number];

const INTERVAL_SECONDS = 10;
/** A failure is counted, and ends nothing. */
const NEVER = 1_000_000;

const END_TIMEOUT_MS = 120_000;
const POLL_MS = 500;

/** Times of the checks that came, by task where the check tells. */
interface Target {
  readonly port: number;
  readonly arrivals: Map<string, number[]>;
  stop(): void;
}

function httpTarget(): Target {
  const arrivals = new Map<string, number[]>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch({ url }) {
      const task = new URL(url).pathname;
      arrivals.set(task, [...(arrivals.get(task) ?? []), performance.now()]);
      return new Response("");
    },
  });
  return { port: server.port ?? 0, arrivals, stop: () => void server.stop(true) };
}

async function tcpTarget(): Promise<Target> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { port, arrivals: new Map(), stop: () => void server.close() };
}

function healthCheck(kind: Kind, port: number, taskId: string): object {
  const times = { delay_seconds: 0, interval_seconds: INTERVAL_SECONDS, grace_period_seconds: 0 };
  const rules = { ...times, consecutive_failures: NEVER };
  switch (kind) {
    case "none":
      return {};
    case "http":
      return { health_check: { type: "HTTP", http: { port, path: `/${taskId}` }, ...rules } };
    case "tcp":
      return { health_check: { type: "TCP", tcp: { port }, ...rules } };
    case "command":
      return { health_check: { type: "COMMAND", command: { shell: true, value: "true" }, ...rules } };
  }
}

async function measure(kind: Kind, tasks: number, seconds: number): Promise<Record<string, unknown>> {
  const target = kind === "tcp" ? await tcpTarget() : httpTarget();
  await using cluster = await Cluster.start({ separate: true, resources: BENCH_RESOURCES });
  const agent = cluster.pids[1] ?? 0;
  let unhealthy = 0;
  const { scheduler } = await runLoad(cluster.master, {
    ...{ command: "exec sleep 100000", amounts: { cpus: 0.01, mem: 8 }, inflight: tasks, tasks },
    until: "TASK_RUNNING",
    more: (id) => healthCheck(kind, target.port, id),
    onStatus: ({ healthy }) => {
      if (healthy === false) unhealthy++;
    },
  });
  // The first round of checks, with its news, is over.
  await Bun.sleep(INTERVAL_SECONDS * 1_000);
  const begin = performance.now();
  // With its children that have ended: commands are processes.
  const before = cpuSeconds([agent]);
  const processesBefore = childSeconds(agent);
  await Bun.sleep(seconds * 1_000);
  const tookSeconds = (performance.now() - begin) / 1_000;
  const cpu = cpuSeconds([agent]) - before;
  const processes = childSeconds(agent) - processesBefore;
  const checks = kind === "none" ? 0 : (tasks / INTERVAL_SECONDS) * tookSeconds;
  const lateMs = [...target.arrivals.values()].flatMap((times) =>
    times.slice(1).map((at, i) => at - (times[i] ?? 0) - INTERVAL_SECONDS * 1_000),
  );
  const pss = pssBytes(agent);
  await scheduler.teardown();
  await untilTasksAreGone(agent);
  target.stop();
  const milliseconds = (total: number): number => Math.round((total * 1e5) / Math.max(1, checks)) / 100;
  return {
    tasks,
    agentShareOfCore: Math.round((cpu / tookSeconds) * 1_000) / 1_000,
    ...(checks === 0 ? {} : { agentMsPerCheck: milliseconds(cpu), unhealthy }),
    ...(kind === "command" ? { processesMsPerCheck: milliseconds(processes) } : {}),
    ...(lateMs.length === 0 ? {} : { betweenChecksLateMs: spread(lateMs) }),
    agentMB: Math.round(pss / 1e5) / 10,
  };
}

/** Tasks outlive their agent: it may be stopped only when the last one is gone. */
async function untilTasksAreGone(agent: number): Promise<void> {
  const deadline = performance.now() + END_TIMEOUT_MS;
  while (processTree(agent).length > 1) {
    if (performance.now() > deadline)
      throw new Error(`Tasks are alive ${END_TIMEOUT_MS / 1000} s after TEARDOWN`);
    await Bun.sleep(POLL_MS);
  }
}

/** Processor time of ended children that were waited for, with theirs. */
function childSeconds(pid: number): number {
  return cpuSeconds([pid], "children");
}

export async function bench(): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      kinds: { type: "string", default: KINDS.join(",") },
      tasks: { type: "string", default: "1000" },
      seconds: { type: "string", default: "30" },
    },
  });
  const figures: Record<string, unknown> = {};
  for (const name of values.kinds.split(",")) {
    const kind = KINDS.find((one) => one === name);
    if (kind === undefined) throw new Error(`--kinds has "${name}"; there are ${KINDS.join(", ")}`);
    figures[kind] = await measure(kind, Number(values.tasks), Number(values.seconds));
  }
  return figures;
}
