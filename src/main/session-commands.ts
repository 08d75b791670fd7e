/** `mesh exec` and `mesh attach` as data, see command-table.ts. */
import { MeshError } from "../base/errors.ts";
import { type CommandSpec, FRAMEWORK_FLAG, MASTER_FLAG, required } from "./command-spec.ts";

export const EXEC_COMMAND: CommandSpec = {
  name: "exec",
  args: "<task>",
  summary: "Run a command inside a running task's container; ends with its exit status",
  flags: [
    MASTER_FLAG,
    FRAMEWORK_FLAG,
    { name: "interactive", short: "i", description: "Hand standard input on to the command" },
    { name: "tty", short: "t", description: "Give the command a terminal" },
    { name: "user", value: "<user>", description: "UNIX user of the command; by default the task's" },
    { name: "env", value: "<NAME=value>", description: "Environment variable beside the task's", many: true },
  ],
  examples: [
    "mesh exec -it web.1f2e3d4c -- sh",
    "mesh exec web.1f2e3d4c -- ls -l",
    "mesh exec -i db.7 -- tar x <a.tar",
  ],
  run: async (flags, args, rest) => {
    const task = required(args, "the task's id", "exec");
    const command = [...args.slice(1), ...rest];
    if (command.length === 0) {
      throw new MeshError("BAD_FLAG", "Missing the command to run: for example mesh exec -it TASK -- sh");
    }
    const { execInTask } = await import("./exec.ts");
    return end(
      await execInTask({
        masters: flags.addresses("master", 5050),
        task,
        framework: flags.optional("framework"),
        interactive: flags.switch("interactive"),
        tty: flags.switch("tty"),
        user: flags.optional("user"),
        environment: flags.pairs("env"),
        command,
      }),
    );
  },
};

export const ATTACH_COMMAND: CommandSpec = {
  name: "attach",
  args: "<task>",
  summary: "Show what a running task says from now on; join its terminal",
  flags: [
    MASTER_FLAG,
    FRAMEWORK_FLAG,
    {
      name: "interactive",
      short: "i",
      description: "Hand standard input on to the task, which must have a terminal; Ctrl-P Ctrl-Q leaves it",
    },
  ],
  examples: ["mesh attach web.1f2e3d4c", "mesh attach -i console.1"],
  run: async (flags, args) => {
    const task = required(args, "the task's id", "attach");
    const { attachToTask } = await import("./attach.ts");
    return end(
      await attachToTask({
        masters: flags.addresses("master", 5050),
        task,
        framework: flags.optional("framework"),
        interactive: flags.switch("interactive"),
      }),
    );
  },
};

/** Everything was written; but Bun keeps a process alive for an upload that was given up. */
function end(status: number): number {
  process.exit(status);
}
