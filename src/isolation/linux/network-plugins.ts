/** Runs the plugins of networks. */
import { readFileSync, statSync } from "node:fs";
import {
  NETWORK_PLUGIN_GRACE_MS,
  NETWORK_PLUGIN_OUTPUT_MAX_BYTES,
  NETWORK_PLUGIN_SILENCE_MS,
  NETWORK_PLUGIN_TIMEOUT_MS,
  NETWORK_PLUGINS_UNDER_WAY_MAX,
} from "../../base/limits.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import { isJson, type Json } from "../network.ts";
import {
  type Attachment,
  callOrder,
  type NetworkCommand,
  type PluginCall,
  pluginCall,
  RECORD_VARIABLE,
} from "../network-call.ts";
import { errorText } from "../network-result.ts";
import { Gathered, restOf } from "./gathered.ts";
import { procTable, sendSignal } from "./process-table.ts";
import { LoopTurns, Turns } from "./turns.ts";

/** What a plugin says besides JSON, in messages. */
const SAID_MAX_CHARS = 400;
const POLL_MS = 25;

export class NetworkPlugins {
  readonly #turns = new Turns(NETWORK_PLUGINS_UNDER_WAY_MAX);
  readonly #spawns = new LoopTurns();

  /** Runs the plugins of one network one after the other, up to a failure; the result of the last. */
  async add(attachment: Attachment, signal: AbortSignal): Promise<Result<Json>> {
    let result: Json | undefined;
    for (const plugin of callOrder("ADD", attachment.config)) {
      const done = await this.#run("ADD", attachment, pluginCall("ADD", attachment, plugin, result), signal);
      if (!done.ok) return done;
      result = done.value ?? result;
    }
    return ok(result ?? {});
  }

  /** Undoes ADD, whatever it came to. All plugins have their turn; the error is the first. */
  async remove(attachment: Attachment, result: Json | undefined): Promise<Result<void>> {
    const done = await this.#each("DEL", attachment, result);
    return done.find((one) => !one.ok) ?? ok(undefined);
  }

  /** Whether everything is still as ADD made it. */
  async check(attachment: Attachment, result: Json): Promise<Result<void>> {
    const done = await this.#each("CHECK", attachment, result);
    return done.find((one) => !one.ok) ?? ok(undefined);
  }

  async #each(
    command: NetworkCommand,
    attachment: Attachment,
    result: Json | undefined,
  ): Promise<Result<void>[]> {
    const done: Result<void>[] = [];
    for (const plugin of callOrder(command, attachment.config)) {
      const one = await this.#run(
        command,
        attachment,
        pluginCall(command, attachment, plugin, result),
        undefined,
      );
      done.push(one.ok ? ok(undefined) : one);
    }
    return done;
  }

  async #run(
    command: NetworkCommand,
    { pluginPath }: Attachment,
    call: PluginCall,
    signal: AbortSignal | undefined,
  ): Promise<Result<Json | undefined>> {
    const program = findPlugin(pluginPath, call.type);
    if (program === undefined) return fail(absentPlugin(pluginPath, call.type));
    await this.#turns.take();
    try {
      await this.#spawns.next();
      if (signal?.aborted === true) return fail("given up");
      return await runPlugin(program, command, call, signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return fail(`the plugin "${program}" could not be run: ${reason}`);
    } finally {
      this.#turns.giveBack();
    }
  }
}

/** Its absolute path. @param path directories as CNI_PATH has them */
export function findPlugin(path: string, type: string): string | undefined {
  return path
    .split(":")
    .map((directory) => `${directory}/${type}`)
    .find(isProgram);
}

export function absentPlugin(path: string, type: string): string {
  return `the plugin "${type}" is in none of the directories "${path}"; install it there`;
}

function isProgram(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}

async function runPlugin(
  program: string,
  command: NetworkCommand,
  { type, environment, input }: PluginCall,
  signal: AbortSignal | undefined,
): Promise<Result<Json | undefined>> {
  const child = Bun.spawn([program], {
    cwd: "/",
    env: { ...environment },
    stdio: [Buffer.from(input), "pipe", "pipe"],
    maxBuffer: NETWORK_PLUGIN_OUTPUT_MAX_BYTES,
    // A process group of its own: what it started is ended with it.
    detached: true,
  });
  let why = "";
  const end = (reason: string): void => {
    why = reason;
    sendSignal(-child.pid, "SIGKILL");
  };
  let grace: ReturnType<typeof setTimeout> | undefined;
  const onAbort = (): void => {
    grace = setTimeout(() => end("given up"), NETWORK_PLUGIN_GRACE_MS);
  };
  signal?.addEventListener("abort", onAbort);
  const limit = setTimeout(
    () => end(`it took longer than ${NETWORK_PLUGIN_TIMEOUT_MS} ms`),
    NETWORK_PLUGIN_TIMEOUT_MS,
  );
  const said = [new Gathered(child.stdout), new Gathered(child.stderr)] as const;
  await child.exited;
  clearTimeout(limit);
  clearTimeout(grace);
  signal?.removeEventListener("abort", onAbort);
  // A daemon that it started may hold them open.
  await restOf(said, NETWORK_PLUGIN_SILENCE_MS);
  const [output, errors] = [said[0].text(), said[1].text()];
  const answer = parse(output);
  if (child.exitCode === 0 && why === "") {
    if (output.trim() !== "" && answer === undefined && command === "ADD") {
      return fail(`the plugin "${type}" answered no JSON object: ${shortened(output)}`);
    }
    return ok(answer);
  }
  const status = child.exitCode === null ? `ended by ${child.signalCode}` : `exit status ${child.exitCode}`;
  const text = errorText(answer) ?? shortened(`${output}\n${errors}`);
  return fail(`the plugin "${type}" failed at ${command}: ${why || text || status}`);
}

function parse(output: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(output);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function shortened(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  return line.length <= SAID_MAX_CHARS ? line : `${line.slice(0, SAID_MAX_CHARS)}…`;
}

/**
 * Waits for plugins that an earlier agent process started and that still run, and ends those that take
 * longer: what they do now would come after what undoes it. Those that they called themselves have the same
 * environment.
 *
 * They are not ended at once, as a plugin that is ended halfway may have taken what no DEL finds any more:
 * host-local makes the file of an address before it writes into it whose address it is.
 * @param record path of the container's record of networks, which no other container has
 * @param patientUntilMs on the clock of performance.now()
 */
export async function endPluginsOf(record: string, patientUntilMs: number): Promise<void> {
  const mark = `${RECORD_VARIABLE}=${record}`;
  const deadlineMs = patientUntilMs + NETWORK_PLUGIN_TIMEOUT_MS;
  for (let found = pidsWith(mark); found.length > 0; found = pidsWith(mark)) {
    const nowMs = performance.now();
    if (nowMs >= patientUntilMs) for (const pid of found) sendSignal(pid, "SIGKILL");
    if (nowMs > deadlineMs) return;
    await Bun.sleep(POLL_MS);
  }
}

function pidsWith(variable: string): number[] {
  return procTable
    .all()
    .filter(({ pid, zombie }) => !zombie && environmentOf(pid).includes(variable))
    .map(({ pid }) => pid);
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return []; // It ended meanwhile.
  }
}
