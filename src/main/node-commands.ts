/** `mesh node …`: what an operator does to one agent or its machine. */
import { isIPv4 } from "node:net";
import { MeshError } from "../base/errors.ts";
import { nanosFromMs } from "../base/time.ts";
import type { MachineID } from "../model/v1/ids.ts";
import type { Schedule } from "../model/v1/maintenance.ts";
import type { MasterCall } from "../model/v1/master.ts";
import type { MasterResponseGetAgentsAgent } from "../model/v1/master-responses.ts";
import { encodeJson } from "../wire/json-encode.ts";
import { type HttpAnswer, MasterClient, refusal } from "./client/master-client.ts";
import { operatorCall } from "./client/operator-client.ts";
import { print } from "./client/output.ts";

export const NODE_ACTIONS = ["drain", "deactivate", "reactivate", "gone", "down", "up"] as const;
export type NodeAction = (typeof NODE_ACTIONS)[number];

const OPERATOR_PATH = "/api/v1";
const POLL_INTERVAL_MS = 200;
/** What is away comes back, if at all, after many seconds. */
const AWAY_INTERVAL_MS = 1_000;

export interface NodeOptions {
  readonly masters: readonly string[];
  /** Id of an agent, or host name of its machine. */
  readonly node: string;
  /** Of drain. */
  readonly maxGraceSeconds: number | undefined;
  readonly markGone: boolean;
  readonly wait: boolean;
}

export async function changeNode(action: NodeAction, options: NodeOptions): Promise<void> {
  const master = new MasterClient(options.masters);
  if (action === "up") {
    await bringUp(master, options.node);
    return;
  }
  const agent = await findAgent(master, options.node);
  if (action === "down") {
    await takeDown(master, agent, options.node);
    return;
  }
  const id = agent?.agent_info.id?.value ?? options.node;
  await post(master, callOf(action, id, options), (answer) => noSuchAgent(answer, options.node));
  if (action === "drain" && options.wait) await drained(master, id, options.markGone);
  await print(doneText(action, id, options));
}

function callOf(
  action: Exclude<NodeAction, "down" | "up">,
  id: string,
  { maxGraceSeconds, markGone }: NodeOptions,
): MasterCall {
  const agent_id = { value: id };
  switch (action) {
    case "drain": {
      const seconds = Math.floor(maxGraceSeconds ?? 0);
      const nanos = Math.round(((maxGraceSeconds ?? 0) - seconds) * 1e9);
      const grace = maxGraceSeconds === undefined ? {} : { max_grace_period: { seconds, nanos } };
      return { type: "DRAIN_AGENT", drain_agent: { agent_id, ...grace, mark_gone: markGone } };
    }
    case "deactivate":
      return { type: "DEACTIVATE_AGENT", deactivate_agent: { agent_id } };
    case "reactivate":
      return { type: "REACTIVATE_AGENT", reactivate_agent: { agent_id } };
    case "gone":
      return { type: "MARK_AGENT_GONE", mark_agent_gone: { agent_id } };
  }
}

function doneText(action: Exclude<NodeAction, "down" | "up">, id: string, options: NodeOptions): string {
  switch (action) {
    case "drain":
      if (options.wait) return `Agent ${id} is ${options.markGone ? "gone" : "drained"}`;
      return `Agent ${id} drains; 'mesh agents' shows when it is done`;
    case "deactivate":
      return `Agent ${id} is not offered any more; its tasks run on`;
    case "reactivate":
      return `Agent ${id} is offered again`;
    case "gone":
      return `Agent ${id} is gone; it will not be let in again`;
  }
}

/** Ids of agents that are away are not listed; such a name is taken for an id. */
async function findAgent(
  master: MasterClient,
  name: string,
): Promise<MasterResponseGetAgentsAgent | undefined> {
  const agents = (await operatorCall(master, { type: "GET_AGENTS" })).get_agents?.agents ?? [];
  const byId = agents.find(({ agent_info }) => agent_info.id?.value === name);
  if (byId !== undefined) return byId;
  const [only, ...others] = agents.filter(({ agent_info }) => agent_info.hostname === name);
  if (others.length === 0) return only;
  const ids = [only, ...others].map((agent) => agent?.agent_info.id?.value).join(", ");
  throw new MeshError("BAD_FLAG", `${others.length + 1} agents are on '${name}': name one of ${ids}`);
}

/** Until nothing is left on it; with `markGone`, until the masters know it no more. */
async function drained(master: MasterClient, id: string, markGone: boolean): Promise<void> {
  for (let told = false; ; ) {
    const listed = (await operatorCall(master, { type: "GET_AGENTS" })).get_agents;
    const agent = listed?.agents?.find(({ agent_info }) => agent_info.id?.value === id);
    // A drain can be taken back only once it is done.
    if (agent !== undefined && !markGone && agent.drain_info?.state !== "DRAINING") return;
    const isBack = agent !== undefined || listed?.recovered_agents?.some((one) => one.id?.value === id);
    if (isBack !== true) {
      if (await isForgotten(master, id)) return endedGone(id, markGone);
      if (!told) process.stderr.write(`mesh: agent ${id} is away: it drains when it is back\n`);
      told = true;
    }
    await Bun.sleep(isBack === true ? POLL_INTERVAL_MS : AWAY_INTERVAL_MS);
  }
}

/**
 * Agents that are away are listed as little as those that are gone. Asked with a call that is refused for its
 * grace period where the agent is known: it changes nothing, and needs no room in the log.
 */
async function isForgotten(master: MasterClient, id: string): Promise<boolean> {
  const drain_agent = { agent_id: { value: id }, max_grace_period: { seconds: -1 } };
  const call: MasterCall = { type: "DRAIN_AGENT", drain_agent };
  const answer = await master.post(OPERATOR_PATH, encodeJson("MasterCall", call));
  if (isUnknown(answer)) return true;
  // 409: it is being marked gone.
  if (answer.status === 400 || answer.status === 409) return false;
  throw refusal("DRAIN_AGENT", OPERATOR_PATH, answer);
}

function endedGone(id: string, wanted: boolean): void {
  if (!wanted) throw new MeshError("REQUEST_REFUSED", `Agent ${id} was marked gone before it was drained`);
}

/** A machine that no window names gets one that begins now. */
async function takeDown(
  master: MasterClient,
  agent: MasterResponseGetAgentsAgent | undefined,
  name: string,
): Promise<void> {
  const schedule = await scheduleOf(master);
  const known = machineNamed(schedule, name, agent);
  const machine = known ?? machineOf(agent, name);
  if (known === undefined) {
    const unavailability = { start: { nanoseconds: nanosFromMs(Date.now()) } };
    const windows = [...(schedule.windows ?? []), { machine_ids: [machine], unavailability }];
    const update_maintenance_schedule = { schedule: { windows } };
    await post(master, { type: "UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule });
  }
  await post(master, { type: "START_MAINTENANCE", start_maintenance: { machines: [machine] } });
  await print(
    `Machine ${textOf(machine)} is down; 'mesh node up ${machine.hostname ?? machine.ip}' ends that`,
  );
}

async function bringUp(master: MasterClient, name: string): Promise<void> {
  const machine = machineNamed(await scheduleOf(master), name, undefined);
  if (machine === undefined) {
    throw new MeshError(
      "BAD_FLAG",
      `No maintenance window names a machine '${name}': give its host name or address`,
    );
  }
  await post(master, { type: "STOP_MAINTENANCE", stop_maintenance: { machines: [machine] } });
  await print(`Machine ${textOf(machine)} is up; its agent may register again`);
}

async function scheduleOf(master: MasterClient): Promise<Schedule> {
  const answer = await operatorCall(master, { type: "GET_MAINTENANCE_SCHEDULE" });
  return answer.get_maintenance_schedule?.schedule ?? {};
}

function machineNamed(
  { windows = [] }: Schedule,
  name: string,
  agent: MasterResponseGetAgentsAgent | undefined,
): MachineID | undefined {
  const names = new Set([name, agent?.agent_info.hostname, addressOf(agent)]);
  const machines = windows.flatMap(({ machine_ids = [] }) => machine_ids);
  return machines.find(({ hostname, ip }) => names.has(hostname ?? ip) || names.has(ip ?? hostname));
}

function machineOf(agent: MasterResponseGetAgentsAgent | undefined, name: string): MachineID {
  const ip = addressOf(agent);
  if (agent === undefined || ip === undefined) {
    throw new MeshError("BAD_FLAG", `No agent '${name}' is registered: 'mesh agents' lists them`);
  }
  const { hostname } = agent.agent_info;
  // As in Mesos a schedule takes no other addresses; the host name alone names the machine, too.
  return isIPv4(ip) ? { hostname, ip } : { hostname };
}

/** The pid is "slave(1)@ip:port". */
function addressOf(agent: MasterResponseGetAgentsAgent | undefined): string | undefined {
  const address = agent?.pid?.split("@")[1];
  return address?.slice(0, address.lastIndexOf(":"));
}

function textOf({ hostname, ip }: MachineID): string {
  return [hostname, ip].filter((part) => part !== undefined).join(" ");
}

async function post(
  master: MasterClient,
  call: MasterCall,
  known: (answer: HttpAnswer) => MeshError | undefined = () => undefined,
): Promise<void> {
  const answer = await master.post(OPERATOR_PATH, encodeJson("MasterCall", call));
  if (answer.status !== 200) throw known(answer) ?? refusal(call.type ?? "POST", OPERATOR_PATH, answer);
}

/** In words of this command, which takes host names too. */
function noSuchAgent(answer: HttpAnswer, node: string): MeshError | undefined {
  if (!isUnknown(answer)) return undefined;
  return new MeshError(
    "REQUEST_REFUSED",
    `No agent has the id or host name '${node}': 'mesh agents' lists them; one that is away goes by its id`,
  );
}

function isUnknown({ text }: HttpAnswer): boolean {
  return text.includes("No agent found");
}
