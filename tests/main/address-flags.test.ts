import { expect, test } from "bun:test";
import { ADDRESS_FLAGS, readAddressFlags } from "../../src/main/address-flags.ts";
import { Flags } from "../../src/main/flags.ts";

function read(given: Record<string, string>, environment: Record<string, string> = {}) {
  const values = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readAddressFlags(new Flags(ADDRESS_FLAGS, values, environment));
}

test("without flags the defaults hold", () => {
  expect(read({})).toEqual({ ip: "0.0.0.0", port: 5051, advertise: undefined });
});

test("all that go together", () => {
  expect(read({ ip: "10.0.0.9", port: "1", advertise: "a.test:80", ip6: "fd00::9" })).toEqual({
    ip: "10.0.0.9",
    port: 1,
    advertise: "a.test:80",
    ip6: "fd00::9",
  });
});

test("Mesos' way to advertise", () => {
  expect(read({ "advertise-ip": "10.0.0.9" }).advertise).toBe("10.0.0.9:5051");
  expect(read({}, { MESOS_ADVERTISE_IP: "10.0.0.9", MESOS_ADVERTISE_PORT: "80" }).advertise).toBe(
    "10.0.0.9:80",
  );
  expect(read({ "advertise-ip": "fd00::9", "advertise-port": "80" }).advertise).toBe("[fd00::9]:80");
});

test("a command finds the address", () => {
  expect(read({ "ip-discovery-command": "echo 10.0.0.7; echo noise >&2" }).ip).toBe("10.0.0.7");
});

const wrong = [
  [{ "ip-discovery-command": "echo here" }, 'it ended with 0 and printed "here"'],
  [{ "ip-discovery-command": "echo 10.0.0.7; exit 3" }, "it ended with 3"],
  [{ "ip-discovery-command": "echo 10.0.0.7", ip: "10.0.0.9" }, "no --ip beside it"],
  [{ "advertise-port": "80" }, "--advertise-ip beside it"],
  [{ "advertise-ip": "10.0.0.9", advertise: "a:80" }, "not --advertise beside it"],
  [{ "advertise-ip": "a.test" }, "an IP address"],
  [{ "advertise-ip": "10.0.0.9", port: "0" }, "give --advertise-port"],
  [{ ip6: "10.0.0.9" }, "an IPv6 address"],
] as const;
test.each(wrong)("%j is refused", (given, message) => {
  expect(() => read(given as Record<string, string>)).toThrow(message);
});
