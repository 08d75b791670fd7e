import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import type { NodeInput, NodeStore } from "../../src/master/node.ts";
import { StoreDriver } from "../../src/master/run-state.ts";

type StateReader = Awaited<ReturnType<NodeStore["readState"]>>;

/** A store whose iterations open when they are told to, and which counts those that are open. */
class SlowStore {
  open = 0;
  readonly waiting: (() => void)[] = [];

  async readState(): Promise<StateReader> {
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.open++;
    let closed = false;
    const close = async (): Promise<void> => {
      if (!closed) this.open--;
      closed = true;
    };
    return { appliedIndex: 7, next: async () => ({ records: [], done: false }), close };
  }
}

function bench() {
  const store = new SlowStore();
  const inputs: NodeInput[] = [];
  const driver = new StoreDriver(store as unknown as NodeStore, silentLog, {
    push: (input) => inputs.push(input),
    fail: (what) => {
      throw new Error(what);
    },
  });
  const opened = async (): Promise<void> => {
    store.waiting.shift()?.();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return { store, inputs, driver, opened };
}

test("an iteration of the state that nobody wants any more when it opens is closed", async () => {
  const { store, inputs, driver, opened } = bench();
  driver.carryOut({ kind: "read-snapshot", to: "m2", id: 1, sequence: 0 });
  driver.carryOut({ kind: "close-snapshot", to: "m2", id: 1 });
  await opened();
  expect([store.open, inputs]).toEqual([0, [{ kind: "snapshot-failed", to: "m2", id: 1 }]]);
});

test("a second transfer that begins before the first one's iteration opened has its own", async () => {
  const { store, inputs, driver, opened } = bench();
  driver.carryOut({ kind: "read-snapshot", to: "m2", id: 1, sequence: 0 });
  driver.carryOut({ kind: "close-snapshot", to: "m2", id: 1 });
  driver.carryOut({ kind: "read-snapshot", to: "m2", id: 2, sequence: 0 });
  await opened();
  await opened();
  expect(store.open).toBe(1);
  expect(inputs.map(({ kind }) => kind)).toEqual(["snapshot-failed", "snapshot-read"]);
  driver.carryOut({ kind: "close-snapshot", to: "m2", id: 2 });
  expect(store.open).toBe(0);
});

test("one that opens after the end is closed", async () => {
  const { store, driver, opened } = bench();
  driver.carryOut({ kind: "read-snapshot", to: "m2", id: 1, sequence: 0 });
  driver.closeAll();
  await opened();
  expect(store.open).toBe(0);
});
