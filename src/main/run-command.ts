/** `mesh run` as a command: its flags, and what they ask for. */
import { MeshError } from "../base/errors.ts";
import type { ContainerInfo, Volume } from "../model/v1/containers.ts";
import { type CommandSpec, MASTER_FLAG } from "./command-spec.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

const RUN_FLAGS: readonly FlagSpec[] = [
  MASTER_FLAG,
  { name: "name", value: "<name>", description: "Name of the tasks; by default that of the command" },
  { name: "cpus", value: "<n>", description: "CPUs of each instance", default: "0.1" },
  { name: "mem", value: "<MB>", description: "Memory of each instance in MB", default: "32" },
  { name: "env", value: "<NAME=value>", description: "Environment variable", many: true },
  { name: "uri", value: "<uri>", description: "File or archive to fetch into the sandbox", many: true },
  {
    name: "image",
    value: "<name>",
    description: "Image to run in, such as debian:12; without a command, what the image runs",
  },
  {
    name: "volume",
    value: "<host:container[:ro]>",
    description: "Directory or file of the agent's machine that the tasks see",
    many: true,
  },
  { name: "network", value: "<name>", description: "Network of the agents (CNI) to join", many: true },
  { name: "instances", value: "<n>", description: "How many tasks to run side by side", default: "1" },
  { name: "role", value: "<role>", description: "Role to take offers in", default: "*" },
  { name: "user", value: "<user>", description: "UNIX user of the tasks; by default yours" },
  { name: "quiet", description: "Print nothing but the output of the tasks, and why one never ran" },
];

export const RUN_COMMAND: CommandSpec = {
  name: "run",
  args: "",
  summary: "Run a command on the cluster and show its output; ends with its exit status",
  flags: RUN_FLAGS,
  examples: [
    "mesh run -- sh -c 'echo hello; exit 3'",
    "mesh run --instances 3 --cpus 0.5 --mem 64 --env GREETING=hi -- sh -c 'echo $GREETING from $MESH_INSTANCE'",
    "mesh run --uri https://example.org/data.tar.gz -- ls -l",
    "mesh run --image alpine:3 --volume /srv/data:/data:ro -- ls /data",
  ],
  run: runRun,
};

async function runRun(flags: Flags, args: readonly string[], rest: readonly string[]): Promise<number> {
  const command = [...args, ...rest];
  const image = flags.optional("image");
  const named = command[0] ?? image;
  if (named === undefined) {
    throw new MeshError("BAD_FLAG", "Missing the command to run: for example mesh run -- sh -c 'echo hello'");
  }
  const name = flags.optional("name") ?? nameOf(named);
  if (!/^[^\s/\\]{1,100}$/.test(name))
    throw badFlag("name", name, "up to 100 characters without spaces and slashes");
  const container = containerOf(image, flags.many("volume"), flags.many("network"));
  const { runCommand } = await import("./run.ts");
  return runCommand({
    masters: flags.addresses("master", 5050),
    name,
    role: flags.text("role"),
    cpus: flags.number("cpus", { min: 0.001, max: 1e6 }),
    mem: flags.number("mem", { min: 1, max: 1e9 }),
    environment: flags.pairs("env"),
    uris: flags.many("uri"),
    instances: flags.number("instances", { min: 1, max: 10_000, integer: true }),
    user: flags.optional("user"),
    quiet: flags.switch("quiet"),
    command,
    ...(container === undefined ? {} : { container }),
  });
}

/** A task's name from its program or image: the last part of the path, without what a name may not have. */
function nameOf(program: string): string {
  const last = program.split(/[/\\]+/).findLast((part) => part !== "") ?? "";
  return last.replace(/\s+/g, "-").slice(0, 100) || "task";
}

/** Undefined when the tasks need none. */
export function containerOf(
  image: string | undefined,
  volumes: readonly string[],
  networks: readonly string[],
): ContainerInfo | undefined {
  if (image === undefined && volumes.length === 0 && networks.length === 0) return undefined;
  return {
    type: "MESOS",
    ...(image === undefined ? {} : { mesos: { image: { type: "DOCKER", docker: { name: image } } } }),
    ...(volumes.length === 0 ? {} : { volumes: volumes.map(volumeOf) }),
    ...(networks.length === 0 ? {} : { network_infos: networks.map((name) => ({ name })) }),
  };
}

function volumeOf(text: string): Volume {
  const [host = "", container = "", mode = "rw", ...more] = text.split(":");
  if (!host.startsWith("/") || container === "" || more.length > 0 || (mode !== "rw" && mode !== "ro")) {
    throw badFlag(
      "volume",
      text,
      "an absolute path on the agent's machine and one for the task, such as /srv:/data:ro",
    );
  }
  return { mode: mode === "ro" ? "RO" : "RW", container_path: container, host_path: host };
}
