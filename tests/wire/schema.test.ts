import { describe, expect, test } from "bun:test";
import { enumSchema, messageSchema, SCHEMA } from "../../src/wire/schema.ts";

function field(message: string, name: string) {
  return messageSchema(message).fields.find((candidate) => candidate.name === name);
}

describe("SCHEMA", () => {
  test("holds every message and enum of the v1 API, and three for pressure", () => {
    expect(SCHEMA.messages.size).toBe(355);
    expect(SCHEMA.enums.size).toBe(53);
  });

  test("carries the protobuf numbers of well-known fields", () => {
    expect(field("FrameworkInfo", "offer_filters")?.number).toBe(13);
    expect(field("SchedulerCall", "update_framework")?.number).toBe(19);
    expect(field("TaskStatus", "limitation")?.number).toBe(16);
    expect(field("Resource", "provider_id")?.number).toBe(12);
    expect(enumSchema("TaskState").values.get("TASK_STAGING")).toBe(6);
    expect(enumSchema("SchedulerCallType").values.size).toBe(18);
    expect(enumSchema("TaskStatusReason").values.size).toBe(35);
  });

  test("resolves types across packages", () => {
    expect(field("SchedulerCallRequest", "requests")?.type.name).toBe("Request");
    expect(field("SchedulerCallReconcile", "tasks")?.type.name).toBe("SchedulerCallReconcileTask");
    expect(field("MasterCallDrainAgent", "max_grace_period")?.type.name).toBe("ProtobufDuration");
    expect(field("ClusterStatusDrainingMachine", "statuses")?.type.name).toBe("InverseOfferStatus");
    expect(field("Secret", "value")?.type.name).toBe("SecretValue");
  });

  test("a default is only on optional fields, but for the port of MasterInfo", () => {
    const odd = [...SCHEMA.messages.values()].flatMap((message) =>
      message.fields
        .filter((candidate) => candidate.default !== undefined && candidate.label !== "optional")
        .map((candidate) => `${message.name}.${candidate.name}`),
    );
    expect(odd).toEqual(["MasterInfo.port"]);
  });

  test("the default of an enum field is one of its values", () => {
    for (const message of SCHEMA.messages.values()) {
      for (const { type, default: value } of message.fields) {
        if (type.kind !== "enum" || value === undefined) continue;
        expect(enumSchema(type.name).values.has(String(value))).toBe(true);
      }
    }
  });
});
