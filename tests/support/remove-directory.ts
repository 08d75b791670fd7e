import { existsSync, rmSync } from "node:fs";

/**
 * Removes a directory in which the code under test may be removing something at the same time: Bun's
 * rmSync ends halfway then, with ENOENT unless it is forced.
 */
export function removeDirectory(path: string): void {
  while (existsSync(path)) rmSync(path, { recursive: true, force: true });
}
