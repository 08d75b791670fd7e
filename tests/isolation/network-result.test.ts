import { expect, test } from "bun:test";
import { addressesOf, errorText, missingAddress, networkInfo } from "../../src/isolation/network-result.ts";

test("addresses of a result of 0.2.0", () => {
  expect(addressesOf({ ip4: { ip: "10.1.0.5/16" }, ip6: { ip: "fd00::5/64" } })).toEqual([
    { protocol: "IPv4", ip_address: "10.1.0.5" },
    { protocol: "IPv6", ip_address: "fd00::5" },
  ]);
});

test("of later ones, without those of the host's interfaces", () => {
  const interfaces = [{ name: "br0" }, { name: "eth0", sandbox: "/run/ns" }];
  const ips = [
    { address: "10.1.0.1/24", interface: 0 },
    { address: "10.1.0.5/24", interface: 1 },
    { address: "fd00::5/64" },
  ];
  expect(addressesOf({ interfaces, ips }).map(({ ip_address }) => ip_address)).toEqual([
    "10.1.0.5",
    "fd00::5",
  ]);
});

test("what makes no sense has none", () => {
  expect(addressesOf({ ips: "x", ip4: 3 })).toEqual([]);
  expect(addressesOf({ ips: [1, { address: 2 }] })).toEqual([]);
});

test("a status repeats what was asked for", () => {
  const request = { name: "web", groups: ["g"], ip_addresses: [{ ip_address: "10.0.0.9" }] };
  const info = networkInfo(request, { ips: [{ address: "10.0.0.8/8" }] });
  expect(info).toEqual({
    name: "web",
    groups: ["g"],
    ip_addresses: [{ protocol: "IPv4", ip_address: "10.0.0.8" }],
  });
  expect(missingAddress(request, info)).toBe("10.0.0.9");
  expect(missingAddress({ ip_addresses: [{ ip_address: "10.0.0.8" }] }, info)).toBeUndefined();
  expect(missingAddress({ ip_addresses: [{ protocol: "IPv4" }] }, info)).toBeUndefined();
});

test("words of a plugin that failed", () => {
  expect(errorText({ code: 7, msg: "no room", details: "left" })).toBe("no room: left (code 7)");
  expect(errorText({ msg: "no room" })).toBe("no room");
  expect(errorText({ code: 7 })).toBeUndefined();
  expect(errorText("no room")).toBeUndefined();
});
