import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import type { MessageName } from "../../src/model/v1/message-types.ts";
import { decodeJson, decodeJsonValue } from "../../src/wire/json-decode.ts";
import { SCHEMA } from "../../src/wire/schema.ts";
import { randomJson } from "./random-message.ts";

function refusal(name: MessageName, value: unknown): string {
  const result = decodeJsonValue(name, value);
  expect(result.ok).toBe(false);
  return result.ok ? "" : result.error.message;
}

function accepted<N extends MessageName>(name: N, value: unknown) {
  const result = decodeJsonValue(name, value);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

const ACK = { agent_id: { value: "a" }, task_id: { value: "t" } };

describe("decodeJson refuses with the text of a real master", () => {
  test.each([
    ["[]", "Expecting a JSON object"],
    ['"x"', "Expecting a JSON object"],
    ["null", "Expecting a JSON object"],
    ['{"framework_id":7}', "Not expecting a JSON number for field 'framework_id'"],
    ['{"framework_id":[]}', "Not expecting a JSON array for field 'framework_id'"],
    ['{"framework_id":{"value":true}}', "Not expecting a JSON boolean for field 'value'"],
    ['{"type":1}', "Not expecting a JSON number for field 'type'"],
    ['{"accept":"x"}', "Not expecting a JSON string for field 'accept'"],
    [
      '{"subscribe":{"framework_info":{}}}',
      "Missing required fields: subscribe.framework_info.user, subscribe.framework_info.name",
    ],
    [
      JSON.stringify({ acknowledge: { ...ACK, uuid: "*" } }),
      "Failed to base64 decode bytes field 'uuid': Invalid character '*'",
    ],
    [JSON.stringify({ acknowledge: ACK }), "Missing required fields: acknowledge.uuid"],
    [
      '{"accept":{"operations":[{},{"launch":{"task_infos":[{"name":"n","task_id":{}}]}}]}}',
      "Missing required fields: accept.operations[1].launch.task_infos[0].agent_id, accept.operations[1].launch.task_infos[0].task_id.value",
    ],
  ])("%s", (text, message) => {
    expect(decodeJson("SchedulerCall", text)).toEqual({ ok: false, error: { kind: "conversion", message } });
  });

  test("text that is no JSON", () => {
    expect(decodeJson("SchedulerCall", "")).toEqual({
      ok: false,
      error: { kind: "syntax", message: "syntax error at line 1 near: " },
    });
  });

  test("an unknown name of a required enum", () => {
    expect(refusal("TaskStatus", { task_id: { value: "t" }, state: "TASK_X" })).toBe(
      "Failed to find enum for 'TASK_X'",
    );
  });

  test("bare values in a map of messages", () => {
    expect(refusal("TaskInfo", { limits: { cpus: "Infinity" } })).toBe(
      "Not expecting a JSON string for field 'value'",
    );
  });

  test("numbers out of range and text that is no number", () => {
    expect(refusal("Address", { port: 3e9 })).toContain("out of the range of int32 for field 'port'");
    expect(refusal("Port", { number: -1 })).toContain("out of the range of uint32");
    expect(refusal("Address", { port: "80a" })).toBe(
      "Failed to parse '80a' as a JSON number for field 'port'",
    );
    expect(refusal("KillPolicy", { grace_period: "5secs" })).toBe(
      "Not expecting a JSON string for field 'grace_period'",
    );
    expect(refusal("FrameworkInfo", { checkpoint: "yes" })).toBe(
      "Failed to parse 'yes' as a JSON boolean for field 'checkpoint'",
    );
  });

  test("messages nested without end", () => {
    const text = `${'{"parent":'.repeat(5_000)}{}${"}".repeat(5_000)}`;
    expect(decodeJson("ContainerID", text)).toMatchObject({ ok: false, error: { kind: "conversion" } });
  });
});

describe("decodeJson is lenient where Mesos is", () => {
  test("an unknown name of an optional enum leaves the field unset", () => {
    expect(accepted("SchedulerCall", { type: "NO_SUCH" })).toEqual({});
    expect(accepted("FrameworkInfo", { user: "u", name: "n", capabilities: [{ type: "NEW" }] })).toEqual({
      user: "u",
      name: "n",
      capabilities: [{}],
    });
  });

  test("null is absent, unknown keys are ignored", () => {
    expect(accepted("SchedulerCall", { type: "REVIVE", revive: null, other: { a: 1 }, "": 2 })).toEqual({
      type: "REVIVE",
    });
    expect(accepted("SchedulerCallRevive", { roles: [null, "a"] })).toEqual({ roles: ["a"] });
    expect(refusal("FrameworkID", { value: null })).toBe("Missing required fields: value");
  });

  test("a repeated field takes one bare element", () => {
    expect(accepted("SchedulerCallRevive", { roles: "a" })).toEqual({ roles: ["a"] });
    expect(accepted("SchedulerCallDecline", { offer_ids: { value: "o" } })).toEqual({
      offer_ids: [{ value: "o" }],
    });
  });

  test("numbers and booleans as strings, infinities, fractions of integers", () => {
    expect(accepted("Address", { port: "5050" })).toEqual({ port: 5050 });
    expect(accepted("Address", { port: 80.9 })).toEqual({ port: 80 });
    expect(
      accepted("FrameworkInfo", { user: "u", name: "n", checkpoint: "true", failover_timeout: "1.5" }),
    ).toEqual({
      user: "u",
      name: "n",
      checkpoint: true,
      failover_timeout: 1.5,
    });
    expect(accepted("ValueScalar", { value: "Infinity" })).toEqual({ value: Number.POSITIVE_INFINITY });
    expect(accepted("ValueScalar", { value: "-Infinity" })).toEqual({ value: Number.NEGATIVE_INFINITY });
    expect(refusal("ValueScalar", { value: "NaN" })).toContain("Failed to parse 'NaN'");
  });

  test("maps, also with a key that objects treat specially", () => {
    const task = { name: "n", task_id: { value: "t" }, agent_id: { value: "a" } };
    const text = JSON.stringify({ ...task, limits: { cpus: { value: 2 } } }).replace('"cpus"', '"__proto__"');
    const decoded = decodeJson("TaskInfo", text);
    expect(decoded.ok && Object.entries(decoded.value.limits ?? {})).toEqual([["__proto__", { value: 2 }]]);
  });

  test("bytes", () => {
    const { acknowledge } = accepted("SchedulerCall", {
      acknowledge: { ...ACK, uuid: "AQIDBAUGBwgJCgsMDQ4PEA==" },
    });
    expect(acknowledge?.uuid).toEqual(Uint8Array.from({ length: 16 }, (_, i) => i + 1));
  });
});

test("half a surrogate pair is refused, as a value and as a key; a whole one is text", () => {
  expect(refusal("TaskID", { value: "\ud800" })).toBe(`Invalid Unicode in "\\ud800" for field 'value'`);
  const task = { name: "n", task_id: { value: "t" }, agent_id: { value: "a" } };
  const limits = { "\udc00": { value: 2 } };
  expect(refusal("TaskInfo", { ...task, limits })).toContain("Invalid Unicode");
  expect(accepted("TaskID", { value: "\ud83d\ude00" })).toEqual({ value: "😀" });
});

test("random JSON never throws, for no message", () => {
  const random = new Random(11);
  const names = [...SCHEMA.messages.keys()] as MessageName[];
  for (let i = 0; i < 3_000; i++) {
    const name = random.chance(0.5) ? "SchedulerCall" : random.pick(names);
    const result = decodeJson(name, JSON.stringify(randomJson(random, 5)));
    if (!result.ok) expect(result.error.message).not.toBe("");
  }
});
