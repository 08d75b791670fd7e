import { expect, test } from "bun:test";
import { type Dns, readDns } from "../../src/isolation/network.ts";
import { chooseDns, hostsFile, isHostname, resolvConf } from "../../src/isolation/network-files.ts";
import { networkFstab } from "../../src/isolation/network-script.ts";

const dns = (nameserver: string): Dns => ({
  nameservers: [nameserver],
  domain: undefined,
  search: [],
  options: [],
});

test("/etc/hosts names all addresses", () => {
  const address = (ip_address: string) => ({ ip_addresses: [{ ip_address }] });
  expect(hostsFile("web.test", [address("10.0.0.5"), address("fd00::5"), {}])).toBe(
    "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.0.0.5 web.test\nfd00::5 web.test\n",
  );
});

test("name servers are the network's, else the operator's for it, else for all", () => {
  const defaults = [
    { network: undefined, dns: dns("1.1.1.1") },
    { network: "web", dns: dns("2.2.2.2") },
  ];
  expect(chooseDns([dns("3.3.3.3"), undefined], ["web"], defaults)?.nameservers).toEqual(["3.3.3.3"]);
  expect(chooseDns([undefined], ["web"], defaults)?.nameservers).toEqual(["2.2.2.2"]);
  expect(chooseDns([undefined], ["other"], defaults)?.nameservers).toEqual(["1.1.1.1"]);
  expect(chooseDns([undefined], ["web"], [])).toBeUndefined();
  expect(chooseDns([dns("3.3.3.3"), dns("4.4.4.4")], [], [])?.nameservers).toEqual(["3.3.3.3", "4.4.4.4"]);
});

test("resolv.conf", () => {
  const full = { nameservers: ["1.1.1.1", "::1"], domain: "d", search: ["a", "b"], options: ["ndots:2"] };
  expect(resolvConf(full)).toBe(
    "domain d\nsearch a b\noptions ndots:2\nnameserver 1.1.1.1\nnameserver ::1\n",
  );
});

test("an object that says nothing is no DNS", () => {
  expect(readDns({})).toBeUndefined();
  expect(readDns({ nameservers: [], domain: "" })).toBeUndefined();
  expect(readDns("x")).toBeUndefined();
  expect(readDns({ domain: "d", nameservers: ["1.1.1.1", 2] })).toEqual({ ...dns("1.1.1.1"), domain: "d" });
});

test("host names", () => {
  for (const name of ["a", "web-1.test", "6b1c9c3e-0000", "A".repeat(64)])
    expect(isHostname(name)).toBe(true);
  for (const name of ["", "-a", "a-", "a b", "a\nb", "a/b", "A".repeat(65)])
    expect(isHostname(name)).toBe(false);
});

test("fstab escapes what would end a field", () => {
  expect(networkFstab("/run/a b", ["hosts"])).toBe("/run/a\\040b/hosts /etc/hosts none bind 0 0\n");
});
