/** The master's /state, /slaves, /frameworks and /state-summary (mesos-wire.md section 7.1). */
import type { AgentView, ClusterView, MasterAddress, TaskView } from "../master/port.ts";
import type { TaskState } from "../model/v1/tasks.ts";
import { encodeJson } from "../wire/json-encode.ts";
import type { MasterContext } from "./context.ts";
import { dictionary, integer, type JsonText, list, object, quote, seconds } from "./json-text.ts";
import { leaderAddress } from "./leader.ts";
import { agentMembers, fullAgentJson, isRegistered, recoveredAgentJson } from "./legacy-agent.ts";
import { collectContents, frameworkJson, summaryMembers } from "./legacy-framework.ts";
import { MASTER_CAPABILITIES, masterPid } from "./master-messages.ts";
import { versionMembers } from "./version.ts";

export function stateJson(context: MasterContext): JsonText {
  const { port } = context;
  const view = port.view();
  const agents = [...view.agents()];
  const registered = agents.filter(isRegistered);
  const contents = collectContents(view);
  return object({
    ...masterMembers(context),
    activated_slaves: integer(registered.filter((agent) => agent.active).length),
    deactivated_slaves: integer(registered.filter((agent) => !agent.active).length),
    unreachable_slaves: integer(agents.filter((agent) => agent.unreachable).length),
    ...leaderMembers(context),
    flags: flagsObject(port.flags()),
    slaves: list(registered, (agent) => object(agentMembers(agent))),
    recovered_slaves: list(agents.filter(isRecovered), recoveredAgentJson),
    frameworks: list(view.frameworks(), (framework) => frameworkJson(framework, contents)),
    completed_frameworks: list(view.completedFrameworks(), (framework) => frameworkJson(framework, contents)),
    orphan_tasks: "[]",
    unregistered_frameworks: "[]",
  });
}

function masterMembers({ port, build }: MasterContext): Record<string, JsonText | undefined> {
  const elected = port.electedAtMs();
  return {
    ...versionMembers(build),
    start_time: seconds(port.startedAtMs),
    elected_time: elected === undefined ? undefined : seconds(elected),
    id: quote(port.address.id),
    pid: quote(masterPid(port.address)),
    hostname: quote(port.address.hostname),
    capabilities: list(MASTER_CAPABILITIES, quote),
    domain: domainJson(port.address),
  };
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
export function slavesJson(view: ClusterView, slaveId: string | null): JsonText {
  const agents = [...view.agents()].filter((agent) => slaveId === null || agent.id === slaveId);
  return object({
    slaves: list(agents.filter(isRegistered), fullAgentJson),
    recovered_slaves: list(agents.filter(isRecovered), recoveredAgentJson),
  });
}

/** `frameworkId`: only that framework. */
export function frameworksJson(view: ClusterView, frameworkId: string | null): JsonText {
  const contents = collectContents(view, frameworkId ?? undefined);
  const chosen = <T extends { readonly id: string }>(frameworks: Iterable<T>): T[] =>
    [...frameworks].filter(({ id }) => frameworkId === null || id === frameworkId);
  return object({
    frameworks: list(chosen(view.frameworks()), (framework) => frameworkJson(framework, contents)),
    completed_frameworks: list(chosen(view.completedFrameworks()), (framework) =>
      frameworkJson(framework, contents),
    ),
    unregistered_frameworks: "[]",
  });
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

export function stateSummaryJson({ port }: MasterContext): JsonText {
  const view = port.view();
  const agents = new Map<string, Tally>();
  const frameworks = new Map<string, Tally>();
  const add = ({ agentId, frameworkId, state }: TaskView): void => {
    tally(agents, agentId).add(state, frameworkId);
    tally(frameworks, frameworkId).add(state, agentId);
  };
  for (const tasks of [view.tasks(), view.unreachableTasks(), view.completedTasks()]) {
    for (const task of tasks) add(task);
  }
  return object({
    hostname: quote(port.address.hostname),
    slaves: list([...view.agents()].filter(isRegistered), (agent) => {
      const tasks = tally(agents, agent.id);
      return object({ ...agentMembers(agent), ...tasks.members(), framework_ids: list(tasks.others, quote) });
    }),
    frameworks: list(view.frameworks(), (framework) => {
      const tasks = tally(frameworks, framework.id);
      return object({
        ...summaryMembers(framework),
        ...tasks.members(),
        slave_ids: list(tasks.others, quote),
      });
    }),
  });
}

function tally(tallies: Map<string, Tally>, id: string): Tally {
  const known = tallies.get(id);
  if (known) return known;
  const created = new Tally();
  tallies.set(id, created);
  return created;
}
