import { mkdirSync } from "node:fs";

/**
 * Makes a directory and its missing parents; an existing one is fine. The
 * parents are nearly always there, and then one plain mkdir(2) is much quicker
 * than Bun's recursive one. Throws what mkdir(2) says.
 */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch {
    mkdirSync(path, { recursive: true });
  }
}
