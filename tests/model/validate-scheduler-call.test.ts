import { describe, expect, test } from "bun:test";
import type { SchedulerCall, SchedulerCallType } from "../../src/model/v1/scheduler.ts";
import { checkSchedulerCall } from "../../src/model/validate-scheduler-call.ts";
import { enumSchema } from "../../src/wire/schema.ts";

const ID = { framework_id: { value: "f" } };
const INFO = { user: "u", name: "n" };
const UUID = new Uint8Array(16);

describe("checkSchedulerCall", () => {
  test.each<[SchedulerCall, string]>([
    [{}, "Expecting 'type' to be present"],
    [{ type: "SUBSCRIBE" }, "Expecting 'subscribe' to be present"],
    [
      { ...ID, type: "SUBSCRIBE", subscribe: { framework_info: INFO } },
      "'framework_id' differs from 'subscribe.framework_info.id'",
    ],
    [
      { type: "SUBSCRIBE", subscribe: { framework_info: { ...INFO, id: { value: "f" } } } },
      "'framework_id' differs from 'subscribe.framework_info.id'",
    ],
    [{ type: "ACCEPT", accept: {} }, "Expecting 'framework_id' to be present"],
    [
      {
        ...ID,
        type: "ACKNOWLEDGE",
        acknowledge: { agent_id: { value: "a" }, task_id: { value: "t" }, uuid: Uint8Array.of(1, 2, 3) },
      },
      "Not a valid UUID",
    ],
    [
      {
        ...ID,
        type: "ACKNOWLEDGE_OPERATION_STATUS",
        acknowledge_operation_status: { uuid: UUID, operation_id: { value: "o" } },
      },
      "Expecting 'agent_id' to be present",
    ],
    [
      { ...ID, type: "UPDATE_FRAMEWORK", update_framework: { framework_info: INFO } },
      "'framework_id' differs from 'update_framework.framework_info.id'",
    ],
  ])("%j", (call, reason) => {
    expect(checkSchedulerCall(call)).toBe(reason);
  });

  test("an empty id is as good as none, as between two messages of protobuf", () => {
    const empty = { value: "" };
    const subscribe = { framework_info: { ...INFO, id: empty } };
    expect(checkSchedulerCall({ type: "SUBSCRIBE", subscribe })).toBeUndefined();
    expect(
      checkSchedulerCall({ framework_id: empty, type: "SUBSCRIBE", subscribe: { framework_info: INFO } }),
    ).toBeUndefined();
  });

  test("every call but four needs its body", () => {
    const types = [...enumSchema("SchedulerCallType").values.keys()] as SchedulerCallType[];
    const free = types.filter((type) => checkSchedulerCall({ ...ID, type }) === undefined);
    expect(free).toEqual(["UNKNOWN", "TEARDOWN", "REVIVE", "SUPPRESS"]);
    for (const type of types) {
      if (free.includes(type)) continue;
      expect(checkSchedulerCall({ ...ID, type })).toBe(`Expecting '${type.toLowerCase()}' to be present`);
    }
  });

  test("the principal must be the authenticated one, where both are known", () => {
    const call = (principal?: string): SchedulerCall => ({
      type: "SUBSCRIBE",
      subscribe: { framework_info: { ...INFO, ...(principal !== undefined && { principal }) } },
    });
    expect(checkSchedulerCall(call("p"), "q")).toBe(
      "Authenticated principal 'q' does not match principal 'p' set in 'FrameworkInfo'",
    );
    expect(checkSchedulerCall(call("p"), "p")).toBeUndefined();
    expect(checkSchedulerCall(call("p"))).toBeUndefined();
    expect(checkSchedulerCall(call(), "q")).toBeUndefined();
  });

  test("good calls", () => {
    expect(checkSchedulerCall({ ...ID, type: "DECLINE", decline: {} })).toBeUndefined();
    const acknowledge = { agent_id: { value: "a" }, task_id: { value: "t" }, uuid: UUID };
    expect(checkSchedulerCall({ ...ID, type: "ACKNOWLEDGE", acknowledge })).toBeUndefined();
  });
});
