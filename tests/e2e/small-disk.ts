/** Small disks that a test can fill: a tmpfs each, which needs root. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Room for a database and some of its files, and quickly full. */
const SIZE_MIB = 48;

export const SMALL_DISKS_WORK = process.platform === "linux" && process.getuid?.() === 0;

export class SmallDisk implements Disposable {
  readonly #directory: string;

  /** At a directory, which is made. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${SIZE_MIB}m`, "tmpfs", directory]);
    if (!mounted.success) throw new Error(`Cannot mount a small disk: ${mounted.stderr.toString()}`);
  }

  /** Takes all room there is: the write ends where the disk does. */
  fill(): void {
    Bun.spawnSync(["dd", "if=/dev/zero", `of=${this.#filler}`, "bs=64k"], { stderr: "ignore" });
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  [Symbol.dispose](): void {
    Bun.spawnSync(["umount", "-l", this.#directory], { stderr: "ignore" });
  }

  get #filler(): string {
    return join(this.#directory, "filler");
  }
}
