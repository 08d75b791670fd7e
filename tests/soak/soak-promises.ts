/** What holds once a round's faults are over and its tasks have ended, but for those that run on. */
import { readFileSync } from "node:fs";
import { isTerminalState } from "../../src/model/task-state.ts";
import type { SoakCluster } from "./soak-cluster.ts";
import type { SoakFramework, SoakTask } from "./soak-framework.ts";

const AGREE_MS = 25_000;
const POLL_MS = 500;

interface Amounts {
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
}

interface Shown {
  readonly id: string;
  readonly slave_id: string;
  readonly resources: Amounts;
}

interface State {
  readonly slaves: readonly { id: string; hostname: string; used_resources: Amounts; active: boolean }[];
  readonly frameworks: readonly { tasks: readonly Shown[]; executors?: readonly Shown[] }[];
}

type Violate = (what: string) => void;

/** Violated when it does not become true: nothing is to be said against it any more. */
async function becomes(
  what: string,
  violate: Violate,
  against: () => Promise<readonly string[]>,
): Promise<void> {
  const deadline = performance.now() + AGREE_MS;
  for (;;) {
    const found = await against();
    if (found.length === 0) return;
    if (performance.now() > deadline) return violate(`${what}: ${found.slice(0, 5).join("; ")}`);
    await Bun.sleep(POLL_MS);
  }
}

export async function checkCluster(
  cluster: SoakCluster,
  frameworks: readonly SoakFramework[],
  violate: Violate,
): Promise<void> {
  const open = (): SoakTask[] => frameworks.flatMap((framework) => framework.open);
  await becomes("masters agree", violate, async () => {
    const { status, stdout, stderr } = await cluster.mesh("raft", "check");
    return status === 0 ? [] : [stdout + stderr];
  });
  await becomes("resources in use are those of tasks and executors", violate, async () => {
    const state = await cluster.get<State>("/state");
    return state.slaves.flatMap(({ hostname, id, used_resources }) => {
      const holders = state.frameworks.flatMap(({ tasks, executors = [] }) => [...tasks, ...executors]);
      const held = holders.filter(({ slave_id }) => slave_id === id).map(({ resources }) => resources);
      const [used, sum] = [total([used_resources]), total(held)];
      return used === sum ? [] : [`${hostname} uses ${used}, its tasks ${sum}`];
    });
  });
  await becomes("masters and frameworks know the same tasks", violate, async () => {
    const { frameworks: shown } = await cluster.get<State>("/state");
    const known = new Set(shown.flatMap(({ tasks }) => tasks.map(({ id }) => id)));
    const wanted = new Set(open().map(({ id }) => id));
    return [...known.symmetricDifference(wanted)];
  });
  await becomes("nothing runs but what is to", violate, async () => {
    const wanted = new Set(open().map(({ id }) => id));
    const ids = cluster.processes().map(({ line }) => /"start ([a-z0-9-]+)"/.exec(line)?.[1]);
    return ids.flatMap((id) => (id === undefined || wanted.has(id) ? [] : [id]));
  });
  await becomes("no container is left", violate, async () => {
    const records = cluster.agents.flatMap((_, i) => cluster.containerRecords(i));
    const executors = open().filter(({ id }) => /^(first|second)-/.test(id)).length;
    return records.length <= open().length + executors ? [] : records;
  });
}

/** In text, without the noise of floating point. */
function total(amounts: readonly Amounts[]): string {
  const of = (pick: (one: Amounts) => number) => amounts.reduce((sum, one) => sum + pick(one), 0).toFixed(2);
  return `${of((one) => one.cpus)} cpus, ${of((one) => one.mem)} mem, ${of((one) => one.disk)} disk`;
}

/** What tasks wrote of themselves, against what their frameworks were told. */
export function checkStarts(started: string, frameworks: readonly SoakFramework[], violate: Violate): void {
  const lines = readFileSync(started, "utf8").split("\n");
  const [starts, ends] = [new Map<string, number>(), new Set<string>()];
  for (const line of lines) {
    const [what, id = ""] = line.split(" ");
    if (what === "start") starts.set(id, (starts.get(id) ?? 0) + 1);
    if (what === "end") ends.add(id);
  }
  for (const [id, count] of starts) if (count > 1) violate(`${id} was started ${count} times`);
  for (const { end, id, told } of frameworks.flatMap(({ tasks }) => [...tasks.values()])) {
    const never = end === "lost" || end === "TASK_DROPPED" || end === "TASK_ERROR";
    const history = told.map(({ message, reason, state }) => `${state} ${reason} ${message}`).join("; ");
    if (never && starts.has(id)) violate(`${id} ran, and was told as ${end}: ${history}`);
    if (end === "TASK_FINISHED" && !ends.has(id)) violate(`${id} did not come to its end: ${history}`);
    if (end !== undefined && end !== "lost" && !isTerminalState(end)) violate(`${id} ended as ${end}`);
  }
}

/** After all was killed and every process stopped. */
export function checkNothingLeft(cluster: SoakCluster, violate: Violate): void {
  for (const { line, pid } of cluster.processes()) violate(`process ${pid} is left: ${line}`);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const left = mounts.filter((line) => line.includes(`${cluster.directory}/`));
  if (left.length > cluster.all.length) violate(`mounts are left: ${left.join("; ")}`);
}
