/**
 * The text form of values in `--resources` and `--attributes`: a number is a
 * scalar, `[1-5,8-9]` ranges, `{a,b}` a set, anything else text.
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { Value } from "./v1/resources.ts";
import { parseRanges } from "./value-ranges.ts";

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Reads one value; the error is the reason alone. */
export function parseValue(text: string): Result<Value> {
  const trimmed = text.trim();
  if (trimmed === "") return fail("the value is empty");
  if (trimmed.startsWith("[")) {
    const ranges = parseRanges(trimmed);
    return ranges.ok ? ok({ type: "RANGES", ranges: { range: ranges.value } }) : ranges;
  }
  if (trimmed.startsWith("{")) {
    if (!trimmed.endsWith("}")) return fail(`a set needs braces, got '${trimmed}'`);
    const item = trimmed
      .slice(1, -1)
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
    return ok({ type: "SET", set: { item } });
  }
  if (NUMBER.test(trimmed)) return ok({ type: "SCALAR", scalar: { value: Number(trimmed) } });
  if (/[[\]{};:()]/.test(trimmed)) return fail(`'${trimmed}' is no number, ranges, set or plain text`);
  return ok({ type: "TEXT", text: { value: trimmed } });
}
