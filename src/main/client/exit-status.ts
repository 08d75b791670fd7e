import { constants } from "node:os";
import type { TaskStatus } from "../../model/v1/tasks.ts";

const EXITED = /exited with status (\d+)/;
const SIGNALED = /terminated with signal ([A-Za-z0-9 ]+)/;

/** strsignal(3) texts, as Mesos puts them into the message, to signal names. */
const SIGNAL_TEXTS: Readonly<Record<string, keyof typeof constants.signals>> = {
  Hangup: "SIGHUP",
  Interrupt: "SIGINT",
  Quit: "SIGQUIT",
  "Illegal instruction": "SIGILL",
  Aborted: "SIGABRT",
  "Floating point exception": "SIGFPE",
  Killed: "SIGKILL",
  "Segmentation fault": "SIGSEGV",
  "Broken pipe": "SIGPIPE",
  "Alarm clock": "SIGALRM",
  Terminated: "SIGTERM",
  "User defined signal 1": "SIGUSR1",
  "User defined signal 2": "SIGUSR2",
};

/** True when the command itself ended, by an exit status or a signal; false when it could not even run. */
export function endedByItself(status: TaskStatus | undefined): boolean {
  const message = status?.message ?? "";
  return status?.state === "TASK_FINISHED" || EXITED.test(message) || SIGNALED.test(message);
}

/**
 * A shell's exit status for a terminal status. Mesos tells the code only in
 * the message ("Command exited with status 3"), so it is read from there; a
 * task that ended in another way counts as 1.
 */
export function exitStatusOf(status: TaskStatus | undefined): number {
  if (status?.state === "TASK_FINISHED") return 0;
  const message = status?.message ?? "";
  const code = EXITED.exec(message)?.[1];
  if (code !== undefined) return Number(code);
  const signal = SIGNAL_TEXTS[SIGNALED.exec(message)?.[1]?.trim() ?? ""];
  return signal === undefined ? 1 : 128 + constants.signals[signal];
}
