/** The master's /state, /slaves, /frameworks and /state-summary (mesos-wire.md section 7.1). */
import type { AgentView, ClusterView, FrameworkView, MasterAddress, TaskView } from "../master/port.ts";
import { MASTER_CAPABILITIES } from "../model/master-capabilities.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { encodeJson } from "../wire/json-encode.ts";
import type { MasterContext } from "./context.ts";
import { type Body, DocumentWriter, type MemberValue, type Slices } from "./in-parts.ts";
import { dictionary, integer, type JsonText, list, object, quote, seconds } from "./json-text.ts";
import { leaderAddress } from "./leader.ts";
import { agentMembers, fullAgentJson, isRegistered, recoveredAgentJson } from "./legacy-agent.ts";
import { collectExecutors, summaryMembers, writeFramework } from "./legacy-framework.ts";
import { masterPid } from "./master-messages.ts";
import { versionMembers } from "./version.ts";

export async function stateJson(context: MasterContext): Promise<Body> {
  const { port, slices } = context;
  const view = port.view();
  const out = new DocumentWriter(slices);
  const agents = await slices.gather(view.agents());
  const registered = agents.filter(isRegistered);
  const write = await frameworkWriter(out, view);
  await out.object({
    ...masterMembers(context),
    activated_slaves: integer(registered.filter((agent) => agent.active).length),
    deactivated_slaves: integer(registered.filter((agent) => !agent.active).length),
    unreachable_slaves: integer(agents.filter((agent) => agent.unreachable).length),
    ...leaderMembers(context),
    flags: flagsObject(port.flags()),
    slaves: () => out.list(registered, (agent) => object(agentMembers(agent))),
    recovered_slaves: () => out.list(agents.filter(isRecovered), recoveredAgentJson),
    ...frameworkLists(out, view, write),
    orphan_tasks: "[]",
    unregistered_frameworks: "[]",
  });
  return out.end();
}

type WriteFramework = (framework: FrameworkView) => Promise<void>;

async function frameworkWriter(out: DocumentWriter, view: ClusterView): Promise<WriteFramework> {
  const executors = await collectExecutors(out.slices, view);
  await out.slices.each(view.sumFrameworks(), () => {});
  return (framework) => writeFramework(out, view, framework, executors);
}

/** Both lists are begun at once: a framework that is removed meanwhile is in one of them. */
function frameworkLists(
  out: DocumentWriter,
  view: ClusterView,
  write: WriteFramework,
  wanted: (framework: FrameworkView) => boolean = () => true,
): Record<string, MemberValue> {
  const frameworks = filtered(view.frameworks(), wanted);
  const completed = filtered(view.completedFrameworks(), wanted);
  return {
    frameworks: () => out.listOfLong(frameworks, write),
    completed_frameworks: () => out.listOfLong(completed, write),
  };
}

function* filtered<T>(items: Iterable<T>, wanted: (item: T) => boolean): Generator<T> {
  for (const item of items) if (wanted(item)) yield item;
}

function masterMembers({ port, build }: MasterContext): Record<string, JsonText | undefined> {
  const elected = port.electedAtMs();
  const flags = port.flags();
  return {
    ...versionMembers(build),
    start_time: seconds(port.startedAtMs),
    elected_time: elected === undefined ? undefined : seconds(elected),
    id: quote(port.address.id),
    pid: quote(masterPid(port.address)),
    hostname: quote(port.address.hostname),
    capabilities: list(MASTER_CAPABILITIES, quote),
    domain: domainJson(port.address),
    cluster: textOf(flags["cluster"]),
    ...logMembers(flags),
  };
}

function textOf(value: string | undefined): JsonText | undefined {
  return value === undefined ? undefined : quote(value);
}

/** Where the log is, of a process that writes it to a file. */
export function logMembers(flags: Readonly<Record<string, string>>): Record<string, JsonText | undefined> {
  return { log_dir: textOf(flags["log_dir"]), external_log_file: textOf(flags["external_log_file"]) };
}

function leaderMembers({ port }: MasterContext): Record<string, JsonText | undefined> {
  const leader = leaderAddress(port);
  if (leader === undefined) return {};
  const pid = quote(masterPid(leader));
  return {
    leader: pid,
    leader_info: object({
      id: quote(leader.id),
      pid,
      port: integer(leader.port),
      hostname: quote(leader.hostname),
      domain: domainJson(leader),
    }),
  };
}

function domainJson({ domain }: MasterAddress): JsonText | undefined {
  return domain && encodeJson("DomainInfo", domain);
}

function isRecovered(agent: AgentView): boolean {
  return agent.recovered && !agent.unreachable;
}

/** `{"name":"value"}`: every value is text. */
export function flagsObject(flags: Readonly<Record<string, string>>): JsonText {
  return dictionary(Object.entries(flags).map(([name, value]) => [name, quote(value)] as const));
}

/** `slaveId`: only that agent. */
export async function slavesJson({ port, slices }: MasterContext, slaveId: string | null): Promise<Body> {
  const agents = await chosenAgents(slices, port.view(), slaveId);
  const out = new DocumentWriter(slices);
  await out.object({
    slaves: () => out.list(agents.filter(isRegistered), fullAgentJson),
    recovered_slaves: () => out.list(agents.filter(isRecovered), recoveredAgentJson),
  });
  return out.end();
}

async function chosenAgents(slices: Slices, view: ClusterView, id: string | null): Promise<AgentView[]> {
  if (id === null) return slices.gather(view.agents());
  const agent = view.agent(id);
  return agent === undefined ? [] : [agent];
}

/** `frameworkId`: only that framework. */
export async function frameworksJson(
  { port, slices }: MasterContext,
  frameworkId: string | null,
): Promise<Body> {
  const view = port.view();
  const out = new DocumentWriter(slices);
  const write = await frameworkWriter(out, view);
  await out.object({
    ...frameworkLists(out, view, write, ({ id }) => frameworkId === null || id === frameworkId),
    unregistered_frameworks: "[]",
  });
  return out.end();
}

/** States that /state-summary counts; the others are newer than it. */
const COUNTED = [
  ...(["TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_FINISHED"] as const),
  ...(["TASK_KILLED", "TASK_FAILED", "TASK_LOST", "TASK_ERROR", "TASK_UNREACHABLE"] as const),
];

/** Task counts, and the other side of the tasks: frameworks on an agent, agents of a framework. */
class Tally {
  readonly #counts = new Map<TaskState, number>();
  readonly others = new Set<string>();

  add(state: TaskState, other: string): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1);
    this.others.add(other);
  }

  members(): Record<string, JsonText> {
    return Object.fromEntries(COUNTED.map((state) => [state, integer(this.#counts.get(state) ?? 0)]));
  }
}

export async function stateSummaryJson({ port, slices }: MasterContext): Promise<Body> {
  const view = port.view();
  const out = new DocumentWriter(slices);
  const agents = new Map<string, Tally>();
  const frameworks = new Map<string, Tally>();
  const add = ({ agentId, frameworkId, state }: TaskView): void => {
    tally(agents, agentId).add(state, frameworkId);
    tally(frameworks, frameworkId).add(state, agentId);
  };
  for (const tasks of [view.tasks(), view.unreachableTasks(), view.completedTasks()]) {
    await slices.each(tasks, add);
  }
  await slices.each(view.sumFrameworks(), () => {});
  const agentSummary = (agent: AgentView): JsonText => {
    const tasks = tally(agents, agent.id);
    return object({ ...agentMembers(agent), ...tasks.members(), framework_ids: list(tasks.others, quote) });
  };
  const frameworkSummary = (framework: FrameworkView): JsonText => {
    const tasks = tally(frameworks, framework.id);
    return object({ ...summaryMembers(framework), ...tasks.members(), slave_ids: list(tasks.others, quote) });
  };
  await out.object({
    hostname: quote(port.address.hostname),
    cluster: textOf(port.flags()["cluster"]),
    slaves: () => out.list(filtered(view.agents(), isRegistered), agentSummary),
    frameworks: () => out.list(view.frameworks(), frameworkSummary),
  });
  return out.end();
}

function tally(tallies: Map<string, Tally>, id: string): Tally {
  const known = tallies.get(id);
  if (known) return known;
  const created = new Tally();
  tallies.set(id, created);
  return created;
}
