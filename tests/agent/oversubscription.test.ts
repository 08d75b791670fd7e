import { expect, test } from "bun:test";
import { oversubscribedResources } from "../../src/agent/oversubscription.ts";

test("amounts become revocable resources", () => {
  expect(oversubscribedResources(undefined)).toEqual({ ok: true, value: [] });
  expect(oversubscribedResources("cpus:2;mem:512.5")).toMatchObject({
    ok: true,
    value: [
      { name: "cpus", type: "SCALAR", scalar: { value: 2 }, revocable: {} },
      { name: "mem", type: "SCALAR", scalar: { value: 512.5 }, revocable: {} },
    ],
  });
});

test.each([
  ["cpus:", /Cannot use --oversubscribed-resources 'cpus:'/],
  ["ports:[1-5]", /'ports' is no scalar/],
  ["cpus(web):2", /'cpus' is reserved/],
])("%s is refused", (flag, message) => {
  const resources = oversubscribedResources(flag);
  expect(resources.ok ? "" : resources.error).toMatch(message);
});
