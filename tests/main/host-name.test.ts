import { expect, test } from "bun:test";
import { type FlagSpec, Flags } from "../../src/main/flags.ts";
import { HOSTNAME_LOOKUP_FLAG, ownHostname } from "../../src/main/host-name.ts";

const SPECS: readonly FlagSpec[] = [{ name: "hostname", description: "" }, HOSTNAME_LOOKUP_FLAG];

function flags(given: Readonly<Record<string, string>>): Flags {
  return new Flags(SPECS, new Map(Object.entries(given).map(([name, value]) => [name, [value]])), {});
}

test("the name of a machine is what --hostname says, else its address", async () => {
  expect(await ownHostname(flags({ hostname: "node7" }), "127.0.0.1")).toBe("node7");
  expect(await ownHostname(flags({ hostname: "node7", "hostname-lookup": "true" }), "127.0.0.1")).toBe(
    "node7",
  );
  expect(await ownHostname(flags({}), "127.0.0.1")).toBeUndefined();
});

test("or what the name service says, if it is asked", async () => {
  expect(await ownHostname(flags({ "hostname-lookup": "true" }), "127.0.0.1")).toBe("localhost");
  const refused = ownHostname(flags({ "hostname-lookup": "true" }), "no address");
  await expect(refused).rejects.toThrow("Cannot look up the name of the address 'no address'");
});
