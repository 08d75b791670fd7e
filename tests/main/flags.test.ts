import { describe, expect, test } from "bun:test";
import { type FlagSpec, Flags, parseAddress, splitAddress } from "../../src/main/flags.ts";

const SPECS: readonly FlagSpec[] = [
  { name: "port", value: "<port>", description: "", default: "5050" },
  { name: "work-dir", value: "<dir>", description: "" },
  { name: "master", value: "<host:port>", description: "" },
  { name: "env", value: "<NAME=value>", description: "", many: true },
  { name: "json", description: "" },
];

function flags(given: Record<string, string[]> = {}, environment: Record<string, string> = {}): Flags {
  return new Flags(SPECS, new Map(Object.entries(given)), environment);
}

describe("Flags", () => {
  test("a flag wins over MESH_, that over MESOS_, that over the default", () => {
    const environment = { MESH_WORK_DIR: "/mesh", MESOS_WORK_DIR: "/mesos", MESOS_PORT: "6" };
    expect(flags({ "work-dir": ["/flag"] }, environment).text("work-dir")).toBe("/flag");
    expect(flags({}, environment).text("work-dir")).toBe("/mesh");
    expect(flags({}, environment).port("port")).toBe(6);
    expect(flags().port("port")).toBe(5050);
  });

  test("the last of a repeated flag counts, unless it may be repeated", () => {
    expect(flags({ port: ["1", "2"] }).port("port")).toBe(2);
    expect(flags({ env: ["A=1", "B=x=y"] }).pairs("env")).toEqual([
      ["A", "1"],
      ["B", "x=y"],
    ]);
  });

  test("errors name the flag, the value and what was expected", () => {
    expect(() => flags({ port: ["abc"] }).port("port")).toThrow(
      "Flag --port has the value 'abc': expected a whole number",
    );
    expect(() => flags({ port: ["70000"] }).port("port")).toThrow("from 0 to 65535");
    expect(() => flags({ port: ["1.5"] }).port("port")).toThrow("a whole number");
    expect(() => flags().text("work-dir")).toThrow("Flag --work-dir is missing: give --work-dir <dir>");
    expect(() => flags({ env: ["=x"] }).pairs("env")).toThrow("expected NAME=value");
    expect(() => flags({ json: ["perhaps"] }).switch("json")).toThrow("expected true or false");
    expect(() => flags({ master: ["a:1,b"] }).addresses("master")).toThrow("'b' lacks a port");
  });

  test("addresses take a default port", () => {
    expect(flags({ master: ["a, b:7,[::1]:8"] }).addresses("master", 5050)).toEqual([
      "a:5050",
      "b:7",
      "[::1]:8",
    ]);
  });

  test("the effective ones are in Mesos' spelling", () => {
    expect(flags({ "work-dir": ["/x"] }).effective()).toEqual({ port: "5050", work_dir: "/x" });
  });
});

test("parseAddress", () => {
  expect(parseAddress("host:1")).toEqual({ ok: true, value: "host:1" });
  for (const bad of ["", "a:b", "a:0", "a:65536", "http://a:1", "::1"])
    expect(parseAddress(bad).ok).toBe(false);
  expect(splitAddress("[::1]:8")).toEqual({ hostname: "[::1]", port: 8 });
});
