/** Lines that a master in trouble writes to its log. */
import type { Log } from "../base/log.ts";
import type { DigestAlarm } from "./digest-watch.ts";

export function sayDigestAlarm(log: Log, { self, index, differing }: DigestAlarm): void {
  const text = self
    ? "The registry of this master differs from that of the majority: it serves no longer. Stop it, take it out with 'mesh raft remove' and add it again with an empty --data-dir"
    : "The registries of masters differ at the same index of the log: see 'mesh raft check'";
  log.error(text, { index, masters: differing.join(",") });
}

export function sayDiskFull(log: Log, full: boolean): void {
  if (full) {
    log.error(
      "The disk of the data directory is full: nothing is written until there is room, and another master is asked to lead",
    );
  } else {
    log.info("There is room on the disk of the data directory again");
  }
}
