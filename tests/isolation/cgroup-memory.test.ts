import { describe, expect, test } from "bun:test";
import { bytesText, memoryLimitation } from "../../src/isolation/cgroup-memory.ts";

const EVENTS = "low 0\nhigh 0\nmax 30\noom 1\noom_kill 3\noom_group_kill 1\n";
const FILES = {
  events: EVENTS,
  ownEvents: EVENTS,
  max: "67108864\n",
  peak: "67104768\n",
  stat: "anon 0\nkernel 4096\npgfault 7\n",
};

describe("why a container was ended", () => {
  test("its own memory limit, in Mesos' words", () => {
    expect(memoryLimitation(FILES)).toEqual({
      resource: "memory",
      usedBytes: 67_104_768,
      message:
        "Memory limit exceeded: Requested: 64MB Maximum Used: 65532KB\n\n" +
        "MEMORY STATISTICS: \nkernel 4096\npgfault 7\n",
    });
  });

  test("not when the whole machine lacked memory: its limit was not reached", () => {
    expect(
      memoryLimitation({ ...FILES, events: EVENTS.replace("oom 1", "oom 0"), ownEvents: undefined }),
    ).toBe(undefined);
  });

  test("not when a cgroup that it made itself was too small", () => {
    expect(memoryLimitation({ ...FILES, ownEvents: "oom 0\noom_kill 0\n" })).toBeUndefined();
  });

  test("not when nobody was killed, or nothing is known", () => {
    expect(memoryLimitation({ ...FILES, events: "oom 1\noom_kill 0\n" })).toBeUndefined();
    expect(memoryLimitation({})).toBeUndefined();
  });

  test("without memory.peak the limit itself was reached", () => {
    expect(memoryLimitation({ ...FILES, peak: undefined })?.usedBytes).toBe(67_108_864);
  });

  test("statistics are bounded, and say so", () => {
    const stat = Array.from({ length: 1_000 }, (_, at) => `counter_${at} 1`).join("\n");
    const message = memoryLimitation({ ...FILES, stat })?.message ?? "";
    expect(message.length).toBeLessThan(5_000);
    expect(message).toMatch(/\n\(\d+ more lines\)\n$/);
  });
});

test("bytes as stout prints them", () => {
  expect([0, 1, 1024, 1536, 64 * 1024 ** 2, 2 * 1024 ** 3].map(bytesText)).toEqual([
    "0B",
    "1B",
    "1KB",
    "1536B",
    "64MB",
    "2GB",
  ]);
});
