import { expect, test } from "bun:test";
import { Flags } from "../../src/main/flags.ts";
import { PORT_FLAGS, readPortSettings } from "../../src/main/port-flags.ts";

function read(given: Record<string, string>, environment: Record<string, string> = {}) {
  const values = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readPortSettings(new Flags(PORT_FLAGS, values, environment));
}

test("without flags nobody looks", () => {
  expect(read({})).toEqual({ intervalMs: undefined, enforce: false, range: undefined });
});

test("each of them makes somebody look", () => {
  expect(read({}, { MESOS_ENFORCE_CONTAINER_PORTS: "true" })).toEqual({
    intervalMs: 30_000,
    enforce: true,
    range: undefined,
  });
  const given = { "check-agent-port-range-only": "true", "container-ports-watch-interval": "1mins" };
  expect(read(given)).toEqual({ intervalMs: 60_000, enforce: false, range: "offered" });
  expect(read({ "container-ports-isolated-range": "[0-1023, 5000-6000]" }).range).toEqual([
    { begin: 0, end: 1023 },
    { begin: 5000, end: 6000 },
  ]);
});

const wrong = [
  [{ "container-ports-isolated-range": "[1-2", "check-agent-port-range-only": "true" }, "not --check-agent"],
  [{ "container-ports-isolated-range": "1024" }, "ranges of ports such as"],
  [{ "container-ports-isolated-range": "[5-1]" }, "ranges of ports such as"],
  [{ "container-ports-isolated-range": "[1-70000]" }, "ranges of ports such as"],
  [{ "container-ports-watch-interval": "0secs" }, "a duration above zero"],
] as const;
test.each(wrong)("%j is refused", (given, message) => {
  expect(() => read(given as Record<string, string>)).toThrow(message);
});
