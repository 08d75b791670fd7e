/** Cuts bytes off the front of a file in one step (fallocate(2), FALLOC_FL_COLLAPSE_RANGE). */

export interface Cut {
  /**
   * False when it cannot be done here: the file is as it was.
   * @param dev its file system, as stat(2) names it
   */
  front(fd: number, dev: number, bytes: number): Promise<boolean>;
}

/**
 * By fallocate(1) of util-linux, in a process of its own: with a busy disk the
 * call can take its time, and the agent's one thread is not to wait for it.
 */
export class CutFront implements Cut {
  readonly #program = Bun.which("fallocate", { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" });
  /** File systems that cannot do it: tmpfs, btrfs and others. */
  readonly #unable = new Set<number>();

  async front(fd: number, dev: number, bytes: number): Promise<boolean> {
    if (this.#program === null || bytes === 0 || this.#unable.has(dev)) return false;
    const words = ["--collapse-range", "--offset", "0", "--length", `${bytes}`, "/proc/self/fd/0"];
    const child = Bun.spawn([this.#program, ...words], { stdio: [fd, "ignore", "ignore"], env: {} });
    if ((await child.exited) === 0) return true;
    this.#unable.add(dev);
    return false;
  }
}
