/** Runs blocks of seeds in several processes; results come in the order of the blocks. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { BlockResult, SeedBlock } from "./seed-block.ts";
import { noTotals } from "./simulate.ts";

export class SeedPool {
  readonly #waiting: { readonly block: SeedBlock; readonly done: (result: BlockResult) => void }[] = [];
  readonly #workers: ReturnType<typeof Bun.spawn>[] = [];
  #closed = false;

  /** Promises for the results, one for each block. */
  start(blocks: readonly SeedBlock[]): Promise<BlockResult>[] {
    const results = blocks.map((block) => {
      const { promise, resolve } = Promise.withResolvers<BlockResult>();
      this.#waiting.push({ block, done: resolve });
      return promise;
    });
    const count = Math.min(availableParallelism(), blocks.length);
    for (let n = 0; n < count; n++) this.#addWorker();
    return results;
  }

  /** Ends the workers; blocks that did not run stay without a result. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#workers) worker.kill();
  }

  #addWorker(): void {
    let running: { readonly block: SeedBlock; readonly done: (result: BlockResult) => void } | undefined;
    const give = (): void => {
      running = this.#waiting.shift();
      if (running === undefined) worker.disconnect();
      else worker.send(running.block);
    };
    const worker = Bun.spawn([process.execPath, join(import.meta.dir, "seed-worker.ts")], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (result: BlockResult) => {
        running?.done(result);
        give();
      },
      onExit: (_, code, signal) => {
        if (running === undefined || this.#closed) return;
        const { block, done } = running;
        const failure = `The process that ran the seeds from ${block.firstSeed} on ended: ${signal ?? code}`;
        done({ block, totals: noTotals(), seconds: 0, failures: [failure] });
        this.#addWorker();
      },
    });
    this.#workers.push(worker);
    give();
  }
}
