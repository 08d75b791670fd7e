/** The terminal that this command was started in: raw while a remote program has it. */
import type { ProcessIO } from "../../model/v1/agent.ts";
import type { InputRequest } from "./container-io.ts";

/** As Mesos' and Docker's clients: leaves the terminal to itself. */
const DETACH_KEYS: readonly [number, number] = [0x10, 0x11];

export function hasTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

export interface WindowCells {
  readonly rows: number;
  readonly columns: number;
}

export function windowSize(): WindowCells | undefined {
  const { rows, columns } = process.stdout;
  return rows === undefined || columns === undefined ? undefined : { rows, columns };
}

export function windowMessage(window_size: WindowCells): ProcessIO {
  return { type: "CONTROL", control: { type: "TTY_INFO", tty_info: { window_size } } };
}

export interface GiveOptions {
  /** The program has a terminal: keys go to it as they are, and so do changes of the window's size. */
  readonly terminal: boolean;
  /** Called when the user types Ctrl-P Ctrl-Q; absent: these keys mean nothing. */
  readonly onDetach?: () => void;
}

/** Hands standard input on; returns what ends that and restores the terminal. */
export function giveStandardInput(input: InputRequest, { terminal, onDetach }: GiveOptions): () => void {
  const raw = terminal && process.stdin.isTTY === true;
  if (raw) process.stdin.setRawMode(true);
  const onResize = (): void => {
    const size = windowSize();
    if (size !== undefined) void input.give(windowMessage(size));
  };
  if (terminal && process.stdout.isTTY === true) process.stdout.on("resize", onResize);
  void copyInput(input, terminal, raw ? onDetach : undefined);
  return () => {
    process.stdout.off("resize", onResize);
    if (raw) process.stdin.setRawMode(false);
    process.stdin.destroy();
  };
}

async function copyInput(
  input: InputRequest,
  terminal: boolean,
  onDetach: (() => void) | undefined,
): Promise<void> {
  let last = -1;
  try {
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      for (const key of onDetach === undefined ? [] : chunk) {
        if (last === DETACH_KEYS[0] && key === DETACH_KEYS[1]) return onDetach?.();
        last = key;
      }
      if (!(await input.give({ type: "DATA", data: { type: "STDIN", data: chunk } }))) return;
    }
  } catch {
    // The terminal is gone, or was given back.
  }
  if (!terminal) await giveEnd(input);
  await input.end();
}

/** Data of no length is the end of input. */
export async function giveEnd(input: InputRequest): Promise<void> {
  await input.give({ type: "DATA", data: { type: "STDIN", data: new Uint8Array() } });
}
