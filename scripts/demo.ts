/**
 * The first minutes with mesh: a one-machine cluster, a job on it, its output
 * live, how it ended, and the URLs to look at. `scripts/demo` is the way to
 * call it; `--once` ends after the job with the job's status.
 */
import { BINARY } from "./build.ts";
import { Cluster } from "./cluster.ts";

const MASTER_PORT = 5050;
const AGENT_PORT = 5051;

const JOB = `echo "Hello from $(hostname)"
echo "The sandbox is $PWD"
for step in 1 2 3; do echo "step $step of 3"; sleep 1; done
echo "This line goes to stderr" >&2`;

/** Resolves with the name of the first signal that asks to stop. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => resolve(name));
  });
}

/** Runs the job through the public API, as any user of the binary does, and returns its exit status. */
async function runJob(cluster: Cluster, command: readonly string[]): Promise<number> {
  const words = [BINARY, "run", "--master", cluster.address, "--name", "demo", "--", ...command];
  console.log(`\n$ mesh run --master ${cluster.address} --name demo -- ${command[0]} …\n`);
  // In a session of its own: it must get Ctrl-C once, from us.
  const job = Bun.spawn(words, {
    cwd: cluster.directory,
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const stop = (): void => job.kill("SIGINT");
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const status = await job.exited;
  process.off("SIGINT", stop).off("SIGTERM", stop);
  return status;
}

/** The words before and after the first `separator`. */
function splitAt(words: readonly string[], separator: string): [string[], string[]] {
  const at = words.indexOf(separator);
  return at === -1 ? [[...words], []] : [words.slice(0, at), words.slice(at + 1)];
}

async function main(): Promise<number> {
  const [flags, command] = splitAt(process.argv.slice(2), "--");
  const once = flags.includes("--once");
  const unknown = flags.filter((flag) => flag !== "--once");
  if (unknown.length > 0) {
    const asked = unknown[0] === "--help";
    if (!asked)
      console.error(`Cannot understand "${unknown.join(" ")}": a command for the job comes after --`);
    console.log("Usage: scripts/demo [--once] [-- command…]");
    return asked ? 0 : 2;
  }
  let stopping = false;
  const stopped = stopSignal().then(() => {
    stopping = true;
  });
  await using cluster = await Cluster.start({ masterPort: MASTER_PORT, agentPort: AGENT_PORT });
  console.log(`A cluster of one machine is up: master ${cluster.master}, agent ${cluster.agent}`);
  const status = await runJob(cluster, command.length > 0 ? command : ["sh", "-c", JOB]);
  console.log(`\nThe job ended with status ${status}.`);
  if (once || stopping) return status;
  console.log(`
Look at   ${cluster.master}/state
          ${cluster.master}/tasks
          ${cluster.agent}/state
Try       dist/mesh tasks --master ${cluster.address}
          dist/mesh run --master ${cluster.address} -- sh -c 'echo hello; exit 3'
Files     ${cluster.directory}

Ctrl-C stops the cluster and removes its files.`);
  const ended = await Promise.race([stopped, cluster.ended]);
  if (typeof ended === "number") console.error(`The cluster ended by itself with status ${ended}`);
  return typeof ended === "number" ? 1 : 0;
}

process.exitCode = await main();
