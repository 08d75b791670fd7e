import { expect, test } from "bun:test";
import {
  DEFAULT_MIN_ALLOCATABLE,
  isWorthOffering,
  parseMinAllocatable,
} from "../../src/allocator/quantities.ts";
import { resourcesOf } from "./resources-of.ts";

test("the default is that of Mesos", () => {
  expect(parseMinAllocatable("cpus:0.01|mem:32")).toEqual({ ok: true, value: DEFAULT_MIN_ALLOCATABLE });
});

test.each([
  ["cpus:0.01|mem:32", "cpus:0.01", true],
  ["cpus:0.01|mem:32", "mem:32", true],
  ["cpus:0.01|mem:32", "cpus:0.009;mem:31.999;disk:1000", false],
  ["cpus:1;mem:32", "cpus:1", false],
  ["cpus:1;mem:32", "cpus:1;mem:32", true],
  ["cpus:1", "cpus:0.5;cpus(role):0.5", true],
  ["ports:2", "ports:[1-1]", false],
  ["ports:2", "ports:[1-1, 5-5]", true],
  ["names:2", "names:{a,b}", true],
  ["", "disk:1", true],
])("minimum '%s', offer '%s': %p", (minimum, offer, worth) => {
  const parsed = parseMinAllocatable(minimum);
  expect(parsed.ok && isWorthOffering(resourcesOf(offer), parsed.value)).toBe(worth);
});

test.each(["cpus", "cpus:x", "cpus:1|", ";", "cpus:-1"])("'%s' is refused and quoted", (text) => {
  const parsed = parseMinAllocatable(text);
  expect(parsed.ok).toBe(false);
  expect(!parsed.ok && parsed.error).toContain(`'${text}'`);
});
