/**
 * Keeps the threads that the runtime has for its own work (compiler, collector, allocator) and the one in
 * which LevelDB merges its files from delaying those that answer, here and in other processes on the
 * machine: the first get a higher nice value, the others short slices, with which Linux from 6.12 on takes
 * the processor from others when they wake (docs/decisions/019-priorities-of-threads.md). All of it is best
 * effort: what the kernel refuses stays as it is. Threads come and go, so there are further looks.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Log } from "../base/log.ts";
import { POLICY_OTHER, type Scheduling, SchedulingCalls } from "./scheduling.ts";

/** Of Bun's own threads: compilers of JavaScript, markers of the collector, what returns memory. */
const BACKGROUND = new Set(["JITWorker", "HeapHelper", "JSCWarmUp", "mi-scavenger"]);
/** Here files are written, and LevelDB is asked. */
const POOL = /^Bun Pool \d+$/;
/** Added to the process's own nice value: the weight of a thread falls to a third of that of the others. */
const BACKGROUND_NICE = 5;
const NICE_MAX = 19;
/** The shortest that Linux gives. */
const SLICE_NS = 100_000;
/** Most threads are born soon. Those of the compiler and the collector end when they rest, and come again. */
const FIRST_LOOK_MS = 250;
const LOOK_MAX_MS = 4_000;
const FOLDER = "/proc/self/task";

export interface Thread {
  readonly id: number;
  readonly name: string;
  /** Since the boot, in units of the kernel's clock. */
  readonly bornAt: number;
  /** Had this name at the look before: a thread begins with the name of the one it was born of. */
  readonly settled: boolean;
  readonly scheduling: Scheduling;
}

export interface Change {
  readonly id: number;
  readonly scheduling: Scheduling;
}

/** What is to change of the threads of process `pid`; nothing when an operator gave it another policy. */
export function planPriorities(pid: number, threads: readonly Thread[]): Change[] {
  const main = threads.find(({ id }) => id === pid);
  if (main?.scheduling.policy !== POLICY_OTHER) return [];
  const { nice } = main.scheduling;
  return threads.flatMap((thread) => {
    const { id, scheduling } = thread;
    const wanted = isBackground(thread, threads)
      ? inBackground(scheduling, Math.min(nice + BACKGROUND_NICE, NICE_MAX))
      : id === pid || (POOL.test(thread.name) && thread.settled)
        ? atOnce(scheduling)
        : scheduling;
    if (scheduling.policy !== POLICY_OTHER || wanted === scheduling) return [];
    return [{ id, scheduling: wanted }];
  });
}

/**
 * LevelDB's thread gives itself no name, so it has that of the pool's thread it was born of: of two with
 * one name the later is LevelDB's.
 */
function isBackground({ name, bornAt, settled }: Thread, threads: readonly Thread[]): boolean {
  if (BACKGROUND.has(name)) return true;
  return POOL.test(name) && settled && threads.some((other) => other.name === name && other.bornAt < bornAt);
}

/** A nice value may be made higher by anyone, and lower only by root. */
function inBackground(now: Scheduling, nice: number): Scheduling {
  // One that was born of a thread with short slices has them.
  if (now.nice >= nice && now.sliceNs !== SLICE_NS) return now;
  return { ...now, nice: Math.max(now.nice, nice), sliceNs: 0 };
}

function atOnce(now: Scheduling): Scheduling {
  // 0: a kernel that knows no slices.
  if (now.sliceNs === 0 || now.sliceNs === SLICE_NS) return now;
  // What it starts may be background work. An operator's nice value below 0 would be lost with the slice.
  return { ...now, sliceNs: SLICE_NS, resetOnFork: now.resetOnFork || now.nice >= 0 };
}

/** Starts the looks, the first at once; returns what ends them. */
export function keepThreadPriorities(log: Log): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let problem: string | undefined;
  const say = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== problem) log.debug("Threads keep the priorities they have", { reason });
    problem = reason;
  };
  try {
    const calls = new SchedulingCalls();
    let threads: readonly Thread[] = [];
    const look = (delayMs: number): void => {
      try {
        threads = lookAt(calls, threads, log);
      } catch (error) {
        say(error);
      }
      timer = setTimeout(() => look(Math.min(delayMs * 2, LOOK_MAX_MS)), delayMs).unref();
    };
    look(FIRST_LOOK_MS);
  } catch (error) {
    say(error);
  }
  return () => clearTimeout(timer);
}

/** Changes what is to change; returns the threads, to be given to the next look. */
function lookAt(calls: SchedulingCalls, before: readonly Thread[], log: Log): readonly Thread[] {
  const ids = readdirSync(FOLDER).map(Number);
  // Nearly always, so it has to be cheap.
  const isSame =
    ids.length === before.length && before.every(({ id, settled }, i) => settled && id === ids[i]);
  if (isSame) return before;
  const threads = ownThreads(calls, ids, new Map(before.map(({ id, name }) => [id, name])));
  const changes = planPriorities(process.pid, threads);
  for (const { id, scheduling } of changes) calls.set(id, scheduling);
  if (changes.length > 0) log.debug("Set the priorities of threads", { threads: changes.length });
  return threads;
}

function ownThreads(
  calls: SchedulingCalls,
  ids: readonly number[],
  names: ReadonlyMap<number, string>,
): Thread[] {
  return ids.flatMap((id) => {
    const stat = statOf(`${FOLDER}/${id}/stat`);
    const scheduling = calls.get(id);
    if (stat === undefined || scheduling === undefined) return [];
    return [{ id, ...stat, settled: names.get(id) === stat.name, scheduling }];
  });
}

/** Undefined for a thread that has ended. */
function statOf(path: string): Pick<Thread, "name" | "bornAt"> | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  // proc_pid_stat(5): the name is the 2nd field, in parentheses, starttime the 22nd.
  const end = text.lastIndexOf(")");
  const name = text.slice(text.indexOf("(") + 1, end);
  return { name, bornAt: Number(text.slice(end + 2).split(" ")[19]) };
}
