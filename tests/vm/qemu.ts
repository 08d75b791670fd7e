/**
 * One run of QEMU's emulation. What the program prints comes by the first
 * serial port and the kernel's messages go to a file by the second. The
 * emulation of several processors now and then never gets through the boot of a
 * kernel: such a machine is started anew, and says where its processors were.
 */
import { readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

/** The program's machine prints it when the kernel has started its first process. */
export const BOOTED = "machine booted";

const BOOTS_MAX = 3;
/** A boot takes 2 s on a quiet machine and 10 s beside four others. */
const BOOT_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 240_000;
/** Of all boots and the run. */
export const MACHINE_TIMEOUT_MS = BOOTS_MAX * BOOT_TIMEOUT_MS + RUN_TIMEOUT_MS;
/** When the machine writes down what each of its processors and processes does, if it is still there. */
export const REPORT_AFTER_S = 210;
const KERNEL_LINES = 120;
const MONITOR_TIMEOUT_MS = 2_000;

interface Run {
  readonly booted: boolean;
  readonly output: string;
}

/** Boots `kernel` and gives everything that its program printed. `directory` takes files of the run. */
export async function runMachine(directory: string, words: readonly string[]): Promise<string> {
  for (let boot = 1; ; boot++) {
    const { booted, output } = await runOnce(directory, words);
    if (booted || boot === BOOTS_MAX) return output;
    console.log(`Boot ${boot} of ${BOOTS_MAX} failed; the machine is started again\n${output}`);
  }
}

async function runOnce(directory: string, words: readonly string[]): Promise<Run> {
  const [kernelLog, monitor] = [join(directory, "kernel.log"), join(directory, "monitor")];
  for (const file of [kernelLog, monitor]) rmSync(file, { force: true });
  const machine = Bun.spawn(
    [
      ...["qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none"],
      ...["-serial", "stdio", "-serial", `file:${kernelLog}`, "-monitor", `unix:${monitor},server,nowait`],
      ...words,
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  let cut = "";
  const endAfter = (ms: number): NodeJS.Timeout =>
    setTimeout(async () => {
      cut = `\nThe machine was ended after ${ms / 1_000} s\n${await registers(monitor)}`;
      machine.kill("SIGKILL");
    }, ms);
  let limit = endAfter(BOOT_TIMEOUT_MS);
  let [output, booted] = ["", false];
  const errors = new Response(machine.stderr).text();
  const decoder = new TextDecoder();
  for await (const bytes of machine.stdout) {
    output += decoder.decode(bytes, { stream: true });
    if (booted || !output.includes(BOOTED)) continue;
    booted = true;
    clearTimeout(limit);
    limit = endAfter(RUN_TIMEOUT_MS);
  }
  await machine.exited;
  clearTimeout(limit);
  const why = cut === "" && booted ? "" : `${cut}${lastLines(kernelLog)}`;
  return { booted, output: `${output}${await errors}${why}`.replaceAll("\r", "") };
}

/** Where the machine's processors are; nothing when it does not answer. */
function registers(monitor: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let said = "";
  const socket = connect(monitor, () => socket.write("info registers -a\n"));
  socket.on("data", (bytes) => {
    said += bytes;
  });
  socket.on("error", ({ message }) => resolve(`No registers: ${message}`));
  setTimeout(() => {
    socket.destroy();
    resolve(said);
  }, MONITOR_TIMEOUT_MS);
  return promise;
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n").slice(-KERNEL_LINES).join("\n");
  } catch {
    return "The kernel said nothing";
  }
}
