import { constants } from "node:os";
import type { Exit } from "../container.ts";

/** A shell gives 128 + n for a program that died of signal n. */
const SIGNAL_BASE = 128;
const SIGNAL_MAX = 64;

/**
 * What a shell's wait status means. 137 can be a death by SIGKILL or a plain
 * `exit 137`: dash and bash write a line ("Killed") for the former, which is in
 * `messages`. They stay silent about SIGINT and SIGPIPE, bash about SIGTERM too;
 * programs hardly use those numbers by themselves, so they count as signals.
 */
export function exitFromStatus(status: number, messages: string): Exit {
  const signal = status - SIGNAL_BASE;
  if (signal < 1 || signal > SIGNAL_MAX) return { kind: "exited", code: status };
  const { SIGINT, SIGPIPE, SIGTERM } = constants.signals;
  const silent = signal === SIGINT || signal === SIGPIPE || signal === SIGTERM;
  return silent || messages.trim() !== "" ? { kind: "signaled", signal } : { kind: "exited", code: status };
}
