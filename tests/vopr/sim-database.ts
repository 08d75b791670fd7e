/** One process's handle on a simulated disk, with the port of src/io/level.ts. */
import type { Database, KeyRange, LevelOperation, LevelView, LostWrites } from "../../src/io/level.ts";
import type { Machine } from "./machine.ts";
import { latin1 } from "./promised-content.ts";
import type { SimDisk } from "./sim-disk.ts";

export class SimDatabase implements Database {
  readonly #disk: SimDisk;
  readonly #machine: Machine;
  readonly #life: number;
  readonly lost: LostWrites | null;

  constructor(disk: SimDisk, machine: Machine) {
    this.#disk = disk;
    this.#machine = machine;
    this.#life = machine.life;
    disk.opened();
    const { lost } = disk;
    this.lost =
      lost === null
        ? null
        : {
            ...lost,
            noted: () =>
              this.#later((resolve) => {
                disk.lost = null;
                resolve();
              }),
          };
  }

  write(operations: LevelOperation[]): Promise<void> {
    return this.#later((resolve, reject) => {
      this.#disk.write(operations, (error) => {
        this.#machine.guard(() => (error === null ? resolve() : reject(error)))();
      });
    });
  }

  clear(range: KeyRange): Promise<void> {
    return this.#later((resolve) => {
      this.#disk.clear(range);
      resolve();
    });
  }

  view(): LevelView {
    const disk = this.#disk;
    const records = disk.view();
    return {
      get: (key) => this.#read(() => records.get(latin1(key))),
      iterate: (range) => {
        let left: [Uint8Array, Uint8Array][] | null = null;
        return {
          next: (count) =>
            this.#read(() => {
              left ??= disk.list(records, range).map(([key, value]) => [Buffer.from(key, "latin1"), value]);
              return left.splice(0, count);
            }),
          close: () => this.#later((resolve) => resolve()),
        };
      },
      close: () => this.#later((resolve) => resolve()),
    };
  }

  close(): Promise<void> {
    return this.#later((resolve) => resolve());
  }

  #read<T>(read: () => T): Promise<T> {
    return this.#later((resolve, reject) => {
      const finish = (): void => {
        if (this.#disk.readsFail) reject(new Error("EIO: i/o error, read"));
        else resolve(read());
      };
      const waitMs = this.#disk.readMs();
      if (waitMs === 0) finish();
      else this.#machine.after(waitMs, finish);
    });
  }

  /** Nothing ever comes back to a process that ended. */
  #later<T>(start: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#machine.life === this.#life) start(resolve, reject);
    });
  }
}
