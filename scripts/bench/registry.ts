/**
 * Start-up of a master from disk with a large registry, until it leads.
 * Options: `--tasks N` (default 1,000,000), `--open DIR` for a directory that is there.
 */
import { heapStats } from "bun:jsc";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createLogger } from "../../src/io/logger.ts";
import { LevelRaftStore } from "../../src/io/raft-store.ts";
import { startMaster } from "../../src/main/master.ts";
import type { MasterFlags } from "../../src/main/read-master-flags.ts";
import { bootstrapMembership, encodeMembership } from "../../src/raft/membership.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import type { Command } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";
import { encodeBlob } from "../../src/wire/blob.ts";

const TASKS_PER_ENTRY = 1_000;
const TASKS_PER_AGENT = 100;
const FRAMEWORK = "bench-0000";
const POLL_MS = 5;

export async function bench(): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      tasks: { type: "string", default: "1000000" },
      // Start-up is measured in a process of its own.
      open: { type: "string" },
    },
  });
  if (values.open !== undefined) return open(values.open);
  const directory = mkdtempSync(join(tmpdir(), "mesh-bench-registry-"));
  try {
    const tasks = Number(values.tasks);
    await fill(directory, tasks);
    const child = Bun.spawnSync([
      process.execPath,
      join(import.meta.dir, "../bench.ts"),
      "registry",
      "--open",
      directory,
    ]);
    const answer = child.stdout.toString() + child.stderr.toString();
    return { tasks, startUp: answer.trim() };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A whole master over the directory, until it leads and knows again who holds what. */
async function open(directory: string): Promise<Record<string, unknown>> {
  const begunMs = performance.now();
  const master = await startMaster(flagsFor(directory), createLogger({ name: "bench", level: "warn" }));
  const startedMs = performance.now();
  await leads(master.url);
  const leadingMs = performance.now();
  const { user, system } = process.cpuUsage();
  const found = {
    startedMs: Math.round(startedMs - begunMs),
    leadingMs: Math.round(leadingMs - begunMs),
    // Of the whole process: tells waiting for a busy machine from work.
    cpuMs: Math.round((user + system) / 1_000),
    ...(await memory("")),
    loadAverage: loadavg()[0],
  };
  Bun.gc(true);
  const after = await memory("AfterCollection");
  await master.stop();
  return { ...found, ...after };
}

function flagsFor(dataDir: string): MasterFlags {
  const tcp = { ip: "127.0.0.1", port: 0, raftPort: 0, advertise: undefined };
  const group = { peers: [], join: [], cluster: "mesh" };
  return { ...tcp, ...group, dataDir, settings: {}, effective: {}, directoryFlag: "--data-dir" };
}

/** The v1 API answers once the leader's memory is rebuilt. */
async function leads(url: string): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ type: "GET_VERSION" });
  while ((await fetch(`${url}/api/v1`, { method: "POST", headers, body })).status !== 200)
    await Bun.sleep(POLL_MS);
}

/** Anonymous memory is the process's own; the kernel can drop the pages of the database's files. */
async function memory(when: string): Promise<Record<string, number>> {
  const status = await Bun.file("/proc/self/status").text();
  const megabytes = (name: string) => Math.round(Number(status.match(`${name}:\\s+(\\d+) kB`)?.[1]) / 1e3);
  return {
    [`residentMB${when}`]: megabytes("VmRSS"),
    [`anonymousMB${when}`]: megabytes("RssAnon"),
    [`fileMB${when}`]: megabytes("RssFile"),
    [`peakMB${when}`]: megabytes("VmHWM"),
    [`heapMB${when}`]: Math.round(heapStats().heapSize / 1e6),
  };
}

/** A directory as a master leaves it: applied entries and the state they made. */
async function fill(directory: string, tasks: number): Promise<void> {
  const store = new LevelRaftStore(directory, (error) => {
    throw error;
  });
  await store.open();
  const membership = encodeMembership(bootstrapMembership(["bench"]));
  await store.write({ compactTo: { index: 0, term: 0, membership }, sync: true });
  const registry = new Registry();
  let index = 0;
  const apply = async (commands: Command[]): Promise<void> => {
    const data = encodeCommands(commands);
    registry.applyEntry(data);
    const stateChanges = registry.takeChanges();
    index++;
    const entry = { index, term: 1, kind: "command", data } as const;
    await store.write({
      entries: [entry],
      stateChanges,
      appliedIndex: index,
      sync: true,
      ...compaction(index, membership),
    });
  };
  const framework = encodeBlob("FrameworkInfo", { user: "u", name: "bench", id: { value: FRAMEWORK } });
  await apply([{ kind: "add-framework", frameworkId: FRAMEWORK, info: framework, atMs: 1 }]);
  for (let done = 0; done < tasks; done += TASKS_PER_ENTRY) await apply(launches(done, tasks));
  await store.close();
}

/** Keeps the log as short as a master does. */
function compaction(index: number, membership: Uint8Array) {
  return index % 100 === 0 ? { compactTo: { index: index - 50, term: 1, membership } } : {};
}

/** A thousand tasks on ten agents that are new. */
function launches(from: number, tasks: number): Command[] {
  const commands: Command[] = [];
  const end = Math.min(from + TASKS_PER_ENTRY, tasks);
  for (let first = from; first < end; first += TASKS_PER_AGENT) {
    const agentId = `bench-S${first / TASKS_PER_AGENT}`;
    const info = encodeBlob("AgentInfo", { hostname: `host-${agentId}`, port: 5051, id: { value: agentId } });
    commands.push({
      kind: "add-agent",
      agentId,
      info,
      ip: "10.0.0.1",
      version: "1.11.0",
      capabilities: [],
      atMs: 1,
    });
    const launched = Array.from({ length: Math.min(TASKS_PER_AGENT, end - first) }, (_, at) =>
      launch(`bench.${first + at}`, agentId),
    );
    commands.push({
      kind: "launch-tasks",
      frameworkId: FRAMEWORK,
      agentId,
      role: "*",
      tasks: launched,
      needs: [],
      atMs: 1,
    });
  }
  return commands;
}

/** A small command task, its TaskInfo about as long as that of a real one. */
function launch(taskId: string, agentId: string) {
  const info = encodeBlob("TaskInfo", {
    name: taskId,
    task_id: { value: taskId },
    agent_id: { value: agentId },
    command: { value: "exec /usr/bin/service --listen 0.0.0.0:$PORT0", shell: true },
    resources: [
      { name: "cpus", type: "SCALAR", scalar: { value: 0.1 }, allocation_info: { role: "*" } },
      { name: "mem", type: "SCALAR", scalar: { value: 32 }, allocation_info: { role: "*" } },
    ],
  });
  return { taskId, info, runId: crypto.randomUUID() };
}
