import { expect, test } from "bun:test";
import { type DeviceNode, GpuBook } from "../../src/isolation/gpus.ts";

const node = (minor: number): DeviceNode => ({ path: `/dev/nvidia${minor}`, major: 195, minor });
const GPUS = [node(0), node(1), node(2)];
const minors = (book: GpuBook, id: string): readonly number[] => book.held(id).map(({ minor }) => minor);

test("each is held by one at a time, and can be had again", () => {
  const book = new GpuBook(GPUS);
  book.want("a", 1);
  book.want("b", 2);
  expect(book.serve().map(({ containerId }) => containerId)).toEqual(["a", "b"]);
  expect([minors(book, "a"), minors(book, "b")]).toEqual([[0], [1, 2]]);
  book.want("c", 1);
  expect(book.serve()).toEqual([]);
  expect([book.waits("a"), book.waits("c")]).toEqual([false, true]);
  book.release("b");
  expect(book.serve()).toEqual([{ containerId: "c", held: [node(1)] }]);
  expect(book.free()).toEqual([node(2)]);
});

test("who waits gets all that it lacks or nothing, and keeps nobody else from what it cannot use", () => {
  const book = new GpuBook(GPUS);
  book.want("a", 2);
  book.serve();
  book.want("b", 2);
  book.want("c", 1);
  expect(book.serve().map(({ containerId }) => containerId)).toEqual(["c"]);
  book.release("a");
  expect(book.serve().map(({ containerId }) => containerId)).toEqual(["b"]);
});

test("more and fewer, from the same ones", () => {
  const book = new GpuBook(GPUS);
  book.want("a", 2);
  book.serve();
  book.want("a", 1);
  expect(minors(book, "a")).toEqual([0]);
  book.want("a", 3);
  book.serve();
  expect(minors(book, "a")).toEqual([0, 1, 2]);
  book.want("a", 0);
  expect(book.free()).toEqual(GPUS);
});

test("what was held before a restart is held on, and waited for on", () => {
  const book = new GpuBook(GPUS);
  book.restore("a", ["/dev/nvidia1", "/dev/nvidia9"], 2);
  book.restore("b", ["/dev/nvidia1"]);
  expect([minors(book, "a"), minors(book, "b")]).toEqual([[1], []]);
  expect(book.serve()).toEqual([{ containerId: "a", held: [node(1), node(0)] }]);
});
