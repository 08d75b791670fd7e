import { expect, test } from "bun:test";
import { jsonEncoder } from "../../src/api/codec.ts";
import { schedulerRecords } from "../../src/api/event-records.ts";
import { RECORD_MAX_BYTES } from "../../src/base/limits.ts";
import type { Offer } from "../../src/model/v1/offers.ts";
import type { SchedulerEvent } from "../../src/model/v1/scheduler.ts";

const offer = (i: number): Offer => ({
  id: { value: `offer-${i}` },
  framework_id: { value: "f" },
  agent_id: { value: "a" },
  hostname: "h".repeat(100),
});

test("OFFERS too large for one record become several, with every offer once and in order", () => {
  const offers = Array.from({ length: 57 }, (_, i) => offer(i));
  const event: SchedulerEvent = { type: "OFFERS", offers: { offers } };
  const records = schedulerRecords(jsonEncoder, event, 2_000).map(String);
  expect(records.length).toBeGreaterThan(4);
  for (const record of records) expect(Buffer.byteLength(record)).toBeLessThanOrEqual(2_000);
  const events = records.map((record) => JSON.parse(record) as SchedulerEvent);
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["OFFERS"]));
  expect(events.flatMap((each) => each.offers?.offers ?? []).map(({ id }) => id.value)).toEqual(
    offers.map(({ id }) => id.value),
  );
});

test("what fits, or cannot be split, is one record", () => {
  const one: SchedulerEvent = { type: "OFFERS", offers: { offers: [offer(0)] } };
  expect(schedulerRecords(jsonEncoder, one, 10)).toHaveLength(1);
  expect(schedulerRecords(jsonEncoder, { type: "HEARTBEAT" }, 10)).toEqual(['{"type":"HEARTBEAT"}']);
  expect(schedulerRecords(jsonEncoder, one, RECORD_MAX_BYTES)).toHaveLength(1);
});
