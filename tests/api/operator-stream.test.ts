import { expect, test } from "bun:test";
import { jsonEncoder } from "../../src/api/codec.ts";
import { OperatorStreams } from "../../src/api/operator-stream.ts";
import { OPERATOR_STREAMS_MAX } from "../../src/base/limits.ts";
import { ManualClock, masterContext } from "../support/api-context.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

const request = (): Request => new Request("http://mesh/api/v1", { method: "POST" });

test("beyond the bound the oldest stream gives way", async () => {
  const port = new MemoryMasterPort();
  const streams = new OperatorStreams(masterContext(port));
  const first = await streams.subscribe(request(), jsonEncoder);
  for (let i = 1; i < OPERATOR_STREAMS_MAX; i++) await streams.subscribe(request(), jsonEncoder);
  const [oldest] = port.operatorSinks;
  expect(streams.size).toBe(OPERATOR_STREAMS_MAX);
  await streams.subscribe(request(), jsonEncoder);
  expect(streams.size).toBe(OPERATOR_STREAMS_MAX);
  expect(port.operatorSinks.size).toBe(OPERATOR_STREAMS_MAX);
  expect(oldest !== undefined && port.operatorSinks.has(oldest)).toBe(false);
  // It ends in order: state, heartbeat, end.
  expect(await first.text()).toEndWith('20\n{"type":"HEARTBEAT"}');
});

test("a master that steps down ends its streams, and the heartbeat with the last", async () => {
  const port = new MemoryMasterPort();
  const clock = new ManualClock();
  const streams = new OperatorStreams(masterContext(port, clock));
  const answers = [
    await streams.subscribe(request(), jsonEncoder),
    await streams.subscribe(request(), jsonEncoder),
  ];
  expect(clock.repeating).toBe(1);
  clock.tick();
  for (const sink of [...port.operatorSinks]) sink.close();
  expect(streams.size).toBe(0);
  expect(clock.repeating).toBe(0);
  for (const answer of answers) {
    expect((await answer.text()).match(/"type":"HEARTBEAT"/g)).toHaveLength(2);
  }
});
