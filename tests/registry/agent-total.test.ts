import { expect, test } from "bun:test";
import { Resources } from "../../src/model/resources.ts";
import type { Resource } from "../../src/model/v1/resources.ts";
import { readResources, totalOf, writeCheckpointed, writeResources } from "../../src/registry/agent-total.ts";
import { encodeBlob } from "../../src/wire/blob.ts";

const of = (...resources: Resource[]): Resources => {
  const parsed = Resources.from(resources);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const cpus = (value: number, role?: string): Resource => ({
  name: "cpus",
  type: "SCALAR",
  scalar: { value },
  ...(role === undefined ? {} : { reservations: [{ type: "DYNAMIC", role }] }),
});
const info = (value: number): Uint8Array =>
  encodeBlob("AgentInfo", { hostname: "h", resources: [cpus(value)] });

test("what is remembered of an agent is what its record says", () => {
  const reserved = of(cpus(1, "a"), cpus(2, "b"));
  const checkpointed = writeCheckpointed(reserved);
  const agent = { info: info(8), checkpointed };
  const expected = of(cpus(5), cpus(1, "a"), cpus(2, "b"));
  for (let i = 0; i < 2; i++) expect(totalOf(agent)).toMatchObject({ ok: true, value: expected });
  // As another master reads it from its disk.
  const stored = {
    info: new Uint8Array(agent.info),
    checkpointed: checkpointed.map((b) => new Uint8Array(b)),
  };
  expect(totalOf(stored)).toMatchObject({ ok: true, value: expected });
  expect(readResources(checkpointed).equals(reserved)).toBe(true);
});

test("an agent that comes with more or less is read anew", () => {
  const checkpointed = writeCheckpointed(of(cpus(3, "a")));
  expect(totalOf({ info: info(8), checkpointed })).toMatchObject({ value: of(cpus(5), cpus(3, "a")) });
  expect(totalOf({ info: info(4), checkpointed })).toMatchObject({ value: of(cpus(1), cpus(3, "a")) });
  expect(totalOf({ info: info(2), checkpointed }).ok).toBe(false);
  expect(totalOf({ info: info(8), checkpointed: [] })).toMatchObject({ value: of(cpus(8)) });
});

test("equal resources are written as equal bytes, whichever were written before", () => {
  const once = of(cpus(1, "a"), cpus(2, "b"));
  const bytes = writeResources(once);
  const after = once.add(of(cpus(1, "b")));
  expect(writeResources(after)).toEqual(writeResources(of(cpus(1, "a"), cpus(3, "b"))));
  expect(writeResources(of(cpus(2, "b"), cpus(1, "a")))).toEqual(bytes);
});
