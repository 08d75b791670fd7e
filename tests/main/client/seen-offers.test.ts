import { expect, test } from "bun:test";
import { SeenOffers } from "../../../src/main/client/seen-offers.ts";
import type { Offer } from "../../../src/model/v1/offers.ts";

function offer(agent: string, cpus: number, mem: number): Offer {
  const scalar = (name: string, value: number) => ({ name, type: "SCALAR" as const, scalar: { value } });
  return {
    id: { value: "o" },
    framework_id: { value: "f" },
    agent_id: { value: agent },
    hostname: agent,
    resources: [scalar("cpus", cpus), scalar("mem", mem)],
  };
}

test("only more than was seen of an agent before is news", () => {
  const seen = new SeenOffers();
  expect([seen.add([offer("a", 2, 512), offer("b", 1, 64)]), seen.none]).toEqual([true, false]);
  expect(seen.add([offer("a", 1, 0)])).toBe(false);
  expect(seen.add([offer("a", 2, 512)])).toBe(false);
  expect(seen.add([offer("b", 1, 128)])).toBe(true);
  expect(seen.add([offer("c", 1, 32)])).toBe(true);
  expect(seen.waitingText("big", { cpus: 4, mem: 32 })).toBe(
    "waiting for an offer with cpus 4 and mem 32 MB; the largest of 3 had cpus 2 and mem 512 MB. " +
      "See 'mesh agents' and 'mesh why \"mesh run big\"', or ask for less with --cpus and --mem",
  );
});

test("without any offer it says so", () => {
  const seen = new SeenOffers();
  expect([seen.none, seen.add([])]).toEqual([true, false]);
  expect(seen.waitingText("x", { cpus: 0.1, mem: 32 })).toBe(
    "waiting for an offer with cpus 0.1 and mem 32 MB; none has come yet. " +
      "See 'mesh agents' and 'mesh why \"mesh run x\"'",
  );
});
