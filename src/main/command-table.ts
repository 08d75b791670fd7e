/**
 * Every command of the binary as data: what help shows, which flags it takes
 * and what runs. Modules are loaded when their command is used, so that
 * `mesh version` does not pay for the master.
 */
import { MeshError } from "../base/errors.ts";
import { AGENT_FLAGS } from "./agent-flags.ts";
import {
  type CommandSpec,
  FRAMEWORK_FLAG,
  JSON_FLAG,
  MASTER_FLAG,
  refuseMore,
  required,
} from "./command-spec.ts";
import { LOG_LEVEL_FLAG } from "./daemon-flags.ts";
import { MASTER_FLAGS } from "./master-flags.ts";
import { RUN_COMMAND } from "./run-command.ts";
import { ATTACH_COMMAND, EXEC_COMMAND } from "./session-commands.ts";

const MASTER_COMMAND: CommandSpec = {
  name: "master",
  args: "",
  summary: "Start a master",
  flags: MASTER_FLAGS,
  examples: [
    "mesh master --data-dir /var/lib/mesh/master",
    "mesh master --ip 10.0.0.1 --peers 10.0.0.1:5060,10.0.0.2:5060,10.0.0.3:5060 --data-dir /var/lib/mesh/master",
  ],
  run: async (flags) => (await import("./master.ts")).runMaster(flags),
};

const AGENT_COMMAND: CommandSpec = {
  name: "agent",
  args: "",
  summary: "Start an agent",
  flags: AGENT_FLAGS,
  examples: [
    "mesh agent --master 10.0.0.1:5050,10.0.0.2:5050,10.0.0.3:5050 --work-dir /var/lib/mesh/agent",
    "mesh agent --resources 'cpus:4;mem:1024;ports:[31000-32000]' --attributes 'rack:a1'",
  ],
  run: async (flags) => (await import("./agent.ts")).runAgent(flags),
};

const DEV_COMMAND: CommandSpec = {
  name: "dev",
  args: "",
  summary: "Start a master and an agent in one process, nothing else needed",
  flags: [
    { name: "dir", value: "<dir>", description: "Directory for everything it keeps", default: "./mesh-dev" },
    { name: "ip", value: "<address>", description: "Address to listen on", default: "127.0.0.1" },
    { name: "port", value: "<port>", description: "HTTP API of the master", default: "5050" },
    { name: "raft-port", value: "<port>", description: "TCP port between master and agent", default: "5060" },
    { name: "agent-port", value: "<port>", description: "HTTP API of the agent", default: "5051" },
    {
      name: "resources",
      value: "<text>",
      description: "Resources of the agent; what is not named is detected",
    },
    { name: "attributes", value: "<text>", description: "Attributes of the agent" },
    {
      name: "isolation",
      value: "<kind>",
      description: "auto (namespaces and cgroups where the machine allows them), or posix",
      default: "auto",
    },
    { ...LOG_LEVEL_FLAG, default: "warn" },
  ],
  examples: ["mesh dev", "mesh dev --dir /tmp/mesh --port 6050 --raft-port 6060 --agent-port 6051"],
  run: async (flags) => (await import("./dev.ts")).runDev(flags),
};

function listCommand(name: "tasks" | "agents" | "frameworks"): CommandSpec {
  return {
    name,
    args: "",
    summary: `List ${name}`,
    flags: [MASTER_FLAG, JSON_FLAG],
    examples: [`mesh ${name}`, `mesh ${name} --master 10.0.0.1:5050 --json`],
    run: async (flags) => {
      const { listAgents, listFrameworks, listTasks } = await import("./list.ts");
      const list = { tasks: listTasks, agents: listAgents, frameworks: listFrameworks }[name];
      await list({ masters: flags.addresses("master", 5050), json: flags.switch("json") });
      return 0;
    },
  };
}

const LOGS_COMMAND: CommandSpec = {
  name: "logs",
  args: "<task>",
  summary: "Show the output of a task",
  flags: [
    MASTER_FLAG,
    { name: "follow", short: "f", description: "Go on showing what comes until the task ends" },
    { name: "stderr", description: "Standard error instead of standard output" },
    { name: "tail", value: "<lines>", description: "Start with the last so many lines" },
    FRAMEWORK_FLAG,
  ],
  examples: ["mesh logs web.1f2e3d4c", "mesh logs -f --tail 20 web.1f2e3d4c"],
  run: async (flags, args) => {
    const task = required(args, "the task's id", "logs");
    const { showLogs } = await import("./logs.ts");
    return showLogs({
      masters: flags.addresses("master", 5050),
      task,
      framework: flags.optional("framework"),
      follow: flags.switch("follow"),
      stderr: flags.switch("stderr"),
      tail:
        flags.optional("tail") === undefined
          ? undefined
          : flags.number("tail", { min: 1, max: 1e6, integer: true }),
    });
  },
};

const KILL_COMMAND: CommandSpec = {
  name: "kill",
  args: "<task>",
  summary: "Kill a task of any framework",
  flags: [MASTER_FLAG, FRAMEWORK_FLAG, { name: "wait", description: "Wait until the task has ended" }],
  examples: ["mesh kill web.1f2e3d4c", "mesh kill --wait web.1f2e3d4c"],
  run: async (flags, args) => {
    const task = required(args, "the task's id", "kill");
    const { killTask } = await import("./kill.ts");
    await killTask({
      masters: flags.addresses("master", 5050),
      task,
      framework: flags.optional("framework"),
      wait: flags.switch("wait"),
    });
    return 0;
  },
};

const WHY_COMMAND: CommandSpec = {
  name: "why",
  args: "<framework>",
  summary: "Say why a framework gets no offers, and what would help",
  flags: [
    MASTER_FLAG,
    JSON_FLAG,
    { name: "role", value: "<role>", description: "Only this one of its roles" },
  ],
  examples: ["mesh why 5cbadd8a-f617-4a6c-9b8f-56ed9761b44c-0000", "mesh why marathon --role web --json"],
  run: async (flags, args) => {
    const framework = required(args, "the framework's id or name", "why");
    const { showWhy } = await import("./why.ts");
    const role = flags.optional("role");
    await showWhy({
      masters: flags.addresses("master", 5050),
      framework,
      role,
      json: flags.switch("json"),
    });
    return 0;
  },
};

const NODE_COMMAND: CommandSpec = {
  name: "node",
  args: "<action> <agent or host>",
  summary: "Take an agent or its machine out of service (drain, deactivate, reactivate, gone, down, up)",
  actions: [
    ["drain", "End the agent's tasks and offer it no more; frameworks start them elsewhere"],
    ["deactivate", "Offer the agent no more; its tasks run on"],
    ["reactivate", "Offer a drained or deactivated agent again"],
    ["gone", "Give the agent up for good: its id is never let in again"],
    ["down", "Take a machine down for maintenance: its tasks are gone, its agents stop until 'up'"],
    ["up", "Let the agents of a machine that was down register again"],
  ],
  flags: [
    MASTER_FLAG,
    {
      name: "max-grace",
      value: "<seconds>",
      description: "Longest time that tasks have to end (drain); by default as long as each may take",
    },
    { name: "mark-gone", description: "Mark the agent gone once it is drained (drain)" },
    { name: "wait", description: "Wait until it is drained (drain)" },
  ],
  examples: [
    "mesh node drain node7 --max-grace 60 --wait",
    "mesh node reactivate node7",
    "mesh node down node7",
    "mesh node up node7",
    "mesh node gone 5cbadd8a-f617-4a6c-9b8f-56ed9761b44c-S3",
  ],
  run: async (flags, args) => {
    const word = required(args, "the action", "node");
    const { changeNode, NODE_ACTIONS } = await import("./node-commands.ts");
    const action = NODE_ACTIONS.find((one) => one === word);
    if (action === undefined) {
      const there = NODE_ACTIONS.join(", ");
      throw new MeshError("BAD_FLAG", `Unknown action '${word}' of 'mesh node': there are ${there}`);
    }
    await changeNode(action, {
      masters: flags.addresses("master", 5050),
      node: required(args.slice(1), "the agent or its host name", "node"),
      maxGraceSeconds:
        flags.optional("max-grace") === undefined
          ? undefined
          : flags.number("max-grace", { min: 0, max: 1e9 }),
      markGone: flags.switch("mark-gone"),
      wait: flags.switch("wait"),
    });
    return 0;
  },
};

const RAFT_COMMAND: CommandSpec = {
  name: "raft",
  args: "<action> [member or file]",
  summary: "Masters of the cluster (status, add, promote, remove, transfer, check, backup, restore)",
  actions: [
    ["status", "Show who leads, and how far each master's log is"],
    ["check", "Say whether all masters answer and hold the same registry; ends with status 0 only then"],
    ["add", "Say how to start one more master; with its HTTP address, take in one that waits"],
    ["promote <member>", "Let a new master vote, once 'status' shows it 0 behind"],
    ["remove <member>", "Take a master out of the cluster"],
    ["transfer [member]", "Let another master lead"],
    ["backup <file>", "Write the registry of a master that answers into a file"],
    ["restore <file>", "Make an empty --data-dir the start of a new cluster, from a backup"],
  ],
  flags: [
    MASTER_FLAG,
    JSON_FLAG,
    {
      name: "to",
      value: "<member>",
      description: "Who is to lead (transfer); by default whoever can soonest",
    },
    { name: "data-dir", value: "<dir>", description: "Empty directory to restore a backup into (restore)" },
    {
      name: "raft-address",
      value: "<host:raft-port>",
      description: "How other masters will reach the restored one (restore); by default this machine",
    },
  ],
  examples: [
    "mesh raft status",
    "mesh raft add",
    "mesh raft promote 10.0.0.4:5060",
    "mesh raft remove 10.0.0.3:5060",
    "mesh raft transfer --to 10.0.0.2:5060",
    "mesh raft check --master 10.0.0.1:5050,10.0.0.2:5050,10.0.0.3:5050",
    "mesh raft backup /var/backups/mesh.backup",
    "mesh raft restore /var/backups/mesh.backup --data-dir /var/lib/mesh/master",
    "mesh raft status --master 10.0.0.1:5050,10.0.0.2:5050,10.0.0.3:5050 --json",
  ],
  run: async (flags, args) => {
    const word = required(args, "the action", "raft");
    const options = { masters: flags.addresses("master", 5050), json: flags.switch("json") };
    if (word === "check" || word === "status") refuseMore(args.slice(1), `raft ${word}`);
    if (word === "check") return (await import("./raft-check.ts")).checkRaft(options);
    if (word === "backup" || word === "restore") {
      const file = args[1];
      if (file === undefined) throw new MeshError("BAD_FLAG", `Missing the file: mesh raft ${word} FILE`);
      return (await import("./raft-backup.ts")).runBackup(word, file, flags);
    }
    const { changeRaft, RAFT_ACTIONS } = await import("./raft-commands.ts");
    const action = RAFT_ACTIONS.find((one) => one === word);
    if (action === undefined) {
      throw new MeshError(
        "BAD_FLAG",
        `Unknown action '${word}' of 'mesh raft': there are ${[...RAFT_ACTIONS, "check", "backup", "restore"].join(", ")}`,
      );
    }
    if (action !== "status") await changeRaft(action, flags.optional("to") ?? args[1], options);
    else await (await import("./raft-status.ts")).showRaftStatus(options);
    return 0;
  },
};

export const COMMANDS: readonly CommandSpec[] = [
  DEV_COMMAND,
  MASTER_COMMAND,
  AGENT_COMMAND,
  RUN_COMMAND,
  listCommand("tasks"),
  listCommand("agents"),
  listCommand("frameworks"),
  LOGS_COMMAND,
  EXEC_COMMAND,
  ATTACH_COMMAND,
  KILL_COMMAND,
  WHY_COMMAND,
  NODE_COMMAND,
  RAFT_COMMAND,
];
