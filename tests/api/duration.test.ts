import { expect, test } from "bun:test";
import { parseDuration } from "../../src/api/duration.ts";

test("Mesos' units", () => {
  const cases = { "5secs": 5_000, "1.5hrs": 5_400_000, "10ms": 10, "250us": 0.25, "1weeks": 604_800_000 };
  for (const [text, ms] of Object.entries(cases))
    expect(parseDuration(text)).toEqual({ ok: true, value: ms });
});

test("a text that is no duration is refused with the units", () => {
  for (const text of ["", "5", "secs", "-1secs", "5s", "1e3secs"]) {
    const parsed = parseDuration(text);
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(parsed.error).toContain(`'${text}'`);
  }
});
