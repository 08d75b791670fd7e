import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import type { MessageName } from "../../src/model/v1/message-types.ts";
import { decodeJson } from "../../src/wire/json-decode.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";
import { decodeProtobuf, encodeProtobuf } from "../../src/wire/protobuf.ts";
import { SCHEMA } from "../../src/wire/schema.ts";
import { randomMessage } from "./random-message.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(" ", ""));

/** Bytes computed by hand from the encoding rules (protobuf.dev, "Encoding"). */
describe("known bytes", () => {
  test("a subscribe call", () => {
    const call = {
      type: "SUBSCRIBE",
      subscribe: {
        framework_info: { user: "u", name: "n", failover_timeout: 1.5, checkpoint: true, roles: ["a"] },
      },
    } as const;
    // framework_info: 0a0175 user, 12016e name, 21… failover_timeout, 2801 checkpoint, 620161 roles
    const info = "0a 01 75 12 01 6e 21 00 00 00 00 00 00 f8 3f 28 01 62 01 61";
    const bytes = hex(`10 01 1a 16 0a 14 ${info}`);
    expect(decodeProtobuf("SchedulerCall", bytes)).toEqual({
      ok: true,
      value: structuredClone(call) as never,
    });
    const written = encodeProtobuf("SchedulerCall", structuredClone(call) as never);
    expect(decodeProtobuf("SchedulerCall", written)).toEqual(decodeProtobuf("SchedulerCall", bytes));
  });

  test("a map entry", () => {
    // limits (15): key "cpus", value {value: 2.0}
    const limits = "7a 11 0a 04 63 70 75 73 12 09 09 00 00 00 00 00 00 00 40";
    const bytes = hex(`0a 01 6e 12 03 0a 01 74 1a 03 0a 01 61 ${limits}`);
    const task = decodeProtobuf("TaskInfo", bytes);
    expect(task.ok && { ...task.value.limits }).toEqual({ cpus: { value: 2 } });
    expect(task.ok && encodeProtobuf("TaskInfo", task.value)).toEqual(bytes);
  });
});

describe("round trip of every message", () => {
  for (const name of SCHEMA.messages.keys()) {
    test(name, () => {
      const random = new Random(name.length * 7919);
      for (let i = 0; i < 5; i++) {
        const message = randomMessage(random, name, 3);
        // The names come from the schema that makes the type.
        const bytes = encodeProtobuf(name as MessageName, message as never);
        const decoded = decodeProtobuf(name as MessageName, bytes);
        expect(decoded).toEqual({ ok: true, value: message as never });
      }
    });
  }
});

describe("as C++ protobuf reads", () => {
  test("unknown fields are skipped, whatever their wire type", () => {
    const unknown =
      "a0 06 01 a9 06 00 00 00 00 00 00 00 00 b2 06 02 61 62 bd 06 00 00 00 00 c3 06 08 01 c4 06";
    expect(decodeProtobuf("TaskID", hex(`0a 01 74 ${unknown}`))).toEqual({ ok: true, value: { value: "t" } });
  });

  test("the last of a repeated single field counts, messages are merged", () => {
    expect(decodeProtobuf("TaskID", hex("0a 01 61 0a 01 62"))).toEqual({ ok: true, value: { value: "b" } });
    // ContainerID{value "a"} with parent{value "p"}, then parent.parent{value "q"}
    const bytes = hex("0a 01 61 12 03 0a 01 70 12 05 12 03 0a 01 71");
    expect(decodeProtobuf("ContainerID", bytes)).toEqual({
      ok: true,
      value: { value: "a", parent: { value: "p", parent: { value: "q" } } },
    });
  });

  test("packed numbers are taken", () => {
    // HTTPCheckInfo: port 80, statuses 200 and 201 packed
    expect(decodeProtobuf("HealthCheckHTTPCheckInfo", hex("08 50 22 04 c8 01 c9 01"))).toEqual({
      ok: true,
      value: { port: 80, statuses: [200, 201] },
    });
  });

  test("an enum number of a later version is UNKNOWN where there is such a name, else unset", () => {
    expect(decodeProtobuf("SchedulerCall", hex("10 7f"))).toEqual({ ok: true, value: { type: "UNKNOWN" } });
    const status = decodeProtobuf("TaskStatus", hex("0a 03 0a 01 74 10 01 48 7f"));
    expect(status).toEqual({ ok: true, value: { task_id: { value: "t" }, state: "TASK_RUNNING" } });
  });

  test("a missing required field is an error that names it", () => {
    expect(decodeProtobuf("SchedulerCall", hex("10 01 1a 02 0a 00"))).toEqual({
      ok: false,
      error: "Missing required fields: subscribe.framework_info.user, subscribe.framework_info.name",
    });
  });
});

describe("integers of 64 bits", () => {
  // 2^63 and 2^64 are the numbers nearest to the largest values, which stand for "for ever" in many a client.
  const ends = decodeJson(
    "Unavailability",
    '{"start":{"nanoseconds":"-9223372036854775808"},"duration":{"nanoseconds":9223372036854775807}}',
  );
  const all = decodeJson("ValueRange", '{"begin":0,"end":18446744073709551615}');

  test("the largest ones, as JSON gave them, are written in both forms", () => {
    if (!ends.ok || !all.ok) throw new Error("They are messages");
    const max = hex("08 ff ff ff ff ff ff ff ff 7f");
    expect(encodeProtobuf("DurationInfo", ends.value.duration ?? { nanoseconds: 0 })).toEqual(max);
    expect(encodeJson("DurationInfo", ends.value.duration ?? { nanoseconds: 0 })).toBe(
      '{"nanoseconds":9223372036854775807}',
    );
    expect(encodeProtobuf("ValueRange", all.value)).toEqual(hex("08 00 10 ff ff ff ff ff ff ff ff ff 01"));
  });

  test("and come back as they were", () => {
    for (const [name, message] of [["Unavailability", ends] as const, ["ValueRange", all] as const]) {
      if (!message.ok) throw new Error("It is a message");
      expect(decodeProtobuf(name, encodeProtobuf(name, message.value))).toEqual(message);
    }
  });
});

describe("bytes that are no message", () => {
  const BAD = ["0a", "0a 05 61", "08", "ff ff ff ff ff ff ff ff ff ff ff 01", "0a 01 74 07", "1a 02 0a 05"];
  for (const bytes of BAD) {
    test(bytes, () => {
      expect(decodeProtobuf("SchedulerCall", hex(bytes)).ok).toBe(false);
    });
  }

  test("random bytes never throw", () => {
    const random = new Random(5);
    for (let i = 0; i < 3_000; i++) {
      const result = decodeProtobuf("SchedulerCall", random.bytes(random.below(40)));
      expect(typeof result.ok).toBe("boolean");
    }
  });

  test("a message nested without end is refused", () => {
    let bytes = hex("0a 01 61");
    for (let i = 0; i < 300; i++) {
      const length = bytes.length;
      const header = length < 128 ? [0x12, length] : [0x12, (length & 0x7f) | 0x80, length >> 7];
      bytes = new Uint8Array([0x0a, 1, 0x61, ...header, ...bytes]);
    }
    const result = decodeProtobuf("ContainerID", bytes);
    expect(result).toMatchObject({ ok: false, error: expect.stringContaining("nested deeper") });
  });
});
