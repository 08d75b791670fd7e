/** `--whitelist`: a file of host names that is read again and again. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Log } from "../base/log.ts";
import { SECOND_MS } from "../base/time.ts";
import { badFlag } from "./flags.ts";

/** As Mesos (master/constants.hpp: WHITELIST_WATCH_INTERVAL). */
const READ_EVERY_MS = 5 * SECOND_MS;

/**
 * Without a file there is nothing to do. Reads the file now, and tells the names whenever they
 * changed. A file that cannot be read at the start is a bad flag; later it leaves the names as they
 * were. The result ends it.
 */
export async function watchWhitelist(
  flag: string | undefined,
  log: Log,
  tell: (hostnames: ReadonlySet<string>) => void,
  everyMs = READ_EVERY_MS,
): Promise<() => void> {
  if (flag === undefined) return () => {};
  const path = flag.startsWith("file://") ? fileURLToPath(flag) : flag;
  let known: string | undefined;
  const look = async (): Promise<void> => {
    const names = (await readFile(path, "utf8")).split(/\s+/).filter((name) => name !== "");
    const text = names.join(" ");
    if (text === known) return;
    known = text;
    tell(new Set(names));
  };
  try {
    await look();
  } catch (error) {
    throw badFlag("whitelist", flag, `a file of host names that can be read (${String(error)})`);
  }
  const timer = setInterval(() => {
    look().catch((error) =>
      log.warn("Failed to read the whitelist; the last one holds", { path, error: String(error) }),
    );
  }, everyMs);
  return () => clearInterval(timer);
}
