/** The commands of tests/agent/scenarios: one agent core on a bench. */
import { assert } from "../../src/base/assert.ts";
import { nanosFromMs } from "../../src/base/time.ts";
import type { ContainerState } from "../../src/isolation/runtime.ts";
import type { Command, Interpreter } from "../support/scenario.ts";
import { AgentBench, frameworkBlob, LEADER } from "./agent-bench.ts";

type Capability = Parameters<typeof frameworkBlob>[0];
type Step = (agent: AgentBench, command: Command) => void;

export function agentInterpreter(): Interpreter {
  let agent = new AgentBench();
  return (command) => {
    if (command.name === "start" || command.name === "reboot") agent = restart(agent, command);
    else step(agent, command);
    return [...agent.lines(), ...agent.warnings.splice(0).map((warning) => `log: ${warning}`)];
  };
}

/** A new process: unsynced writes are lost. `start t=running u=exited:3` says what it finds. */
function restart(before: AgentBench, { name, options }: Command): AgentBench {
  const { disk, nowMs, term } = before;
  const config = name === "reboot" ? { config: { bootId: "boot-2" } } : {};
  const agent = new AgentBench({ disk, seed: 2, ...config });
  agent.nowMs = nowMs;
  agent.term = term;
  return agent.recover((taskId) => containerState(options[taskId] ?? "never-started"));
}

function containerState(text: string): ContainerState {
  const [kind, value] = text.split(":");
  if (kind === "running") return { state: "running", launched: { pid: 42, startTime: "1" } };
  if (kind === "exited") return { state: "ended", exit: { kind, code: Number(value) } };
  if (kind === "signaled") return { state: "ended", exit: { kind, signal: Number(value) } };
  assert(kind === "gone" || kind === "never-started", `No container is "${text}"`);
  return { state: kind };
}

const STEPS: Readonly<Record<string, Step>> = {
  register: (agent) => agent.register(),
  "leader-found": (agent) => agent.step({ kind: "leader-found", leader: LEADER }),
  "leader-not-found": (agent) => agent.step({ kind: "leader-not-found", reason: "no answer" }),
  "link-closed": (agent) => agent.step({ kind: "link-closed", linkId: agent.linkId, reason: "reset" }),
  run: (agent, { words, options }) => {
    const grace = options["grace-ms"];
    const limit = options["max-ms"];
    const capabilities = (options["capabilities"]?.split(",") ?? []) as Capability[];
    const overrides = {
      ...(grace === undefined
        ? {}
        : { kill_policy: { grace_period: { nanoseconds: nanosFromMs(Number(grace)) } } }),
      ...(limit === undefined ? {} : { max_completion_time: { nanoseconds: nanosFromMs(Number(limit)) } }),
      resources: [
        { name: "cpus", type: "SCALAR" as const, scalar: { value: Number(options["cpus"] ?? 0.1) } },
      ],
    };
    agent.run(words[0] ?? "", overrides, frameworkBlob(...capabilities));
  },
  launched: (agent, { words }) => agent.launched(words[0] ?? ""),
  "launch-failed": (agent, { words, options }) => {
    const error = { step: "fetch", message: options["message"] ?? "it failed" } as const;
    agent.step({ kind: "launch-failed", containerId: agent.containerOf(words[0] ?? ""), error });
  },
  exited: (agent, { words, options }) => {
    const signal = options["signal"];
    const code = Number(options["code"] ?? 0);
    const exit =
      signal === undefined
        ? ({ kind: "exited", code } as const)
        : ({ kind: "signaled", signal: Number(signal) } as const);
    agent.exited(words[0] ?? "", exit);
  },
  kill: (agent, { words, options }) => {
    const grace = options["grace-ms"];
    agent.kill(words[0] ?? "", grace === undefined ? undefined : Number(grace));
  },
  acknowledge: (agent, { words }) => agent.acknowledge(words[0] ?? ""),
  shutdown: (agent, { words }) => {
    agent.message({ kind: "shutdown-framework", term: agent.term, frameworkId: words[0] ?? "" });
  },
  refuse: (agent) => agent.message({ kind: "agent-refused", term: agent.term, reason: "marked gone" }),
  drain: (agent, { options }) => {
    const grace = options["grace-ms"];
    const maxGraceMs = grace === undefined ? undefined : Number(grace);
    const markGone = options["gone"] === "true";
    agent.message({ kind: "drain", term: agent.term, maxGraceMs, markGone });
  },
  unregister: (agent) => agent.step({ kind: "unregister" }),
  ping: (agent) => agent.message({ kind: "ping", term: agent.term, nonce: 1 }),
  term: (agent, { words }) => {
    agent.term = Number(words[0]);
  },
  advance: (agent, { words }) => agent.advance(Number(words[0])),
  "hold-writes": (agent) => {
    agent.autoSync = false;
  },
  sync: (agent) => agent.sync(),
};

function step(agent: AgentBench, command: Command): void {
  const run = STEPS[command.name];
  assert(run !== undefined, `No command is called "${command.name}"`);
  run(agent, command);
}
