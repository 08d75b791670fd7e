import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import type { MessageName, MessageTypes } from "../../src/model/v1/message-types.ts";
import { decodeJson } from "../../src/wire/json-decode.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";
import { SCHEMA } from "../../src/wire/schema.ts";
import { processorMs } from "../support/processor-time.ts";
import { randomMessage } from "./random-message.ts";

describe("encodeJson", () => {
  test("an event of the scheduler stream, byte for byte", () => {
    const event = {
      subscribed: { heartbeat_interval_seconds: 15, framework_id: { value: "4f1c-0000" } },
      type: "SUBSCRIBED",
    } as const;
    expect(encodeJson("SchedulerEvent", event)).toBe(
      '{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"4f1c-0000"},"heartbeat_interval_seconds":15.0}}',
    );
    expect(encodeJson("SchedulerEvent", { type: "HEARTBEAT" })).toBe('{"type":"HEARTBEAT"}');
  });

  test("writes declared defaults of unset fields, but no deprecated ones", () => {
    expect(encodeJson("FrameworkInfo", { user: "u", name: "n" })).toBe(
      '{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false}',
    );
    expect(encodeJson("Resource", { name: "cpus", type: "SCALAR", scalar: { value: 0.5 }, role: "*" })).toBe(
      '{"name":"cpus","type":"SCALAR","scalar":{"value":0.5},"role":"*"}',
    );
    expect(encodeJson("Filters", {})).toBe('{"refuse_seconds":5.0}');
    expect(encodeJson("NetworkInfoIPAddress", {})).toBe('{"protocol":"IPv4"}');
  });

  test("omits empty lists and maps, keeps empty messages", () => {
    expect(encodeJson("SchedulerEventOffers", { offers: [] })).toBe("{}");
    expect(encodeJson("AttributeConstraintPredicate", { exists: {} })).toBe('{"exists":{}}');
    expect(encodeJson("OfferFiltersResourceQuantities", { quantities: {} })).toBe("{}");
  });

  test("numbers", () => {
    const double = (value: number) => encodeJson("ValueScalar", { value });
    expect([1, 0.1, -3, 1e21, 123456789].map(double)).toEqual([
      '{"value":1.0}',
      '{"value":0.1}',
      '{"value":-3.0}',
      '{"value":1e+21}',
      '{"value":123456789.0}',
    ]);
    expect(double(Number.POSITIVE_INFINITY)).toBe('{"value":"Infinity"}');
    const nanos = (nanoseconds: number) => encodeJson("DurationInfo", { nanoseconds });
    expect(nanos(3_600_000_000_000)).toBe('{"nanoseconds":3600000000000}');
    expect(nanos(1e18)).toBe('{"nanoseconds":1000000000000000000}');
    expect(nanos(2 ** 63)).toBe('{"nanoseconds":9223372036854775807}');
  });

  test("strings and bytes", () => {
    const label = (key: string) => JSON.parse(encodeJson("Label", { key })).key;
    for (const text of ["plain", 'quo"te', "back\\slash", "new\nline", "ünï 😀", "\u0000\u001f", "\ud800"]) {
      expect(label(text)).toBe(text);
    }
    expect(encodeJson("Label", { key: "a\nb" })).not.toContain("\n");
    expect(encodeJson("UUID", { value: Uint8Array.of(1, 2, 3, 255) })).toBe('{"value":"AQID/w=="}');
  });
});

test("what is encoded decodes to the same, for every message", () => {
  const random = new Random(3);
  for (const name of SCHEMA.messages.keys() as Iterable<MessageName>) {
    for (let i = 0; i < 3; i++) {
      const text = encodeJson(name, randomMessage(random, name, 4) as unknown as MessageTypes[typeof name]);
      expect(() => JSON.parse(text)).not.toThrow();
      const decoded = decodeJson(name, text);
      if (!decoded.ok) throw new Error(`${name}: ${decoded.error.message}`);
      // Defaults were written, so the second text has them too.
      expect(encodeJson(name, decoded.value)).toBe(text);
    }
  }
});

test("typical UPDATE events are encoded fast enough", () => {
  const id = { value: "a03e14a4-747e-44b2-a59d-9affd2d7e8cc-S0" };
  const event = {
    type: "UPDATE",
    update: {
      status: {
        task_id: id,
        state: "TASK_RUNNING",
        source: "SOURCE_EXECUTOR",
        agent_id: id,
        executor_id: id,
        timestamp: 1795000000.123,
        uuid: new Uint8Array(16),
        container_status: { container_id: id, executor_pid: 12, network_infos: [{ ip_addresses: [{}] }] },
      },
    },
  } as const;
  const count = 20_000;
  const startMs = processorMs();
  for (let i = 0; i < count; i++)
    encodeJson("SchedulerEvent", event as unknown as MessageTypes["SchedulerEvent"]);
  const perSecond = (count / (processorMs() - startMs)) * 1_000;
  // Some 480,000 a second on the 2-core reference machine; the floor is 30,000.
  expect(perSecond).toBeGreaterThan(30_000);
});
