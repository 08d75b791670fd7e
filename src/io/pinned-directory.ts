/**
 * A directory that is held open, so that its entries are reached whatever
 * happens to the path that led to it. Above the sandbox of a pod's task is that
 * of the pod, where tasks can put a link in place of any directory.
 */
import { closeSync, constants, openSync, readlinkSync, realpathSync } from "node:fs";

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

export interface PinnedDirectory {
  /** Leads to the directory until it is closed. */
  readonly path: string;
  close(): void;
}

/**
 * Undefined when `path` leads elsewhere than where it says below `root`, which
 * only the agent can change. Throws what open(2) says. Where there is no /proc
 * the path has to do.
 */
export function pinDirectory(root: string, path: string): PinnedDirectory | undefined {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const close = (): void => closeSync(fd);
  if (process.platform !== "linux") return { path, close };
  try {
    const link = `/proc/self/fd/${fd}`;
    if (readlinkSync(link) === realpathSync(root) + path.slice(root.length)) return { path: link, close };
  } catch (error) {
    close();
    throw error;
  }
  close();
  return undefined;
}
