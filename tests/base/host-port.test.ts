import { expect, test } from "bun:test";
import { hostPort } from "../../src/base/host-port.ts";

test("only an IPv6 address stands in brackets, once", () => {
  const hosts = ["10.0.0.1", "m1", "::1", "[::1]"];
  expect(hosts.map((host) => hostPort(host, 5051))).toEqual([
    "10.0.0.1:5051",
    "m1:5051",
    "[::1]:5051",
    "[::1]:5051",
  ]);
});
