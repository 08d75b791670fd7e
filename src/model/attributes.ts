/** Attributes of an agent: `rack:a1;zone:3;ports:[1-5]` (Mesos common/attributes.cpp). */
import { fail, ok, type Result } from "../base/result.ts";
import type { Attribute } from "./v1/resources.ts";
import { checkRanges, coalesce, formatIntervals } from "./value-ranges.ts";
import { parseValue } from "./value-text.ts";

/** Reads the text of `--attributes`. A name may appear more than once, as in Mesos. */
export function parseAttributes(text: string): Result<Attribute[]> {
  const attributes: Attribute[] = [];
  for (const part of text.split(/[;\n]/)) {
    if (part.trim() === "") continue;
    const parsed = parseAttribute(part.trim());
    if (!parsed.ok) {
      return fail(
        `Cannot read attribute '${part.trim()}': ${parsed.error}. Write name:value, separated by ';'`,
      );
    }
    attributes.push(parsed.value);
  }
  return ok(attributes);
}

function parseAttribute(text: string): Result<Attribute> {
  const colon = text.indexOf(":");
  if (colon < 0) return fail("there is no ':'");
  const name = text.slice(0, colon).trim();
  if (name === "") return fail("the name is empty");
  // Text may hold anything, a colon or a slash for example.
  const value = text.slice(colon + 1).trim();
  const parsed = /^[[{]/.test(value) ? parseValue(value) : plainValue(value);
  if (!parsed.ok) return parsed;
  const { type, scalar, ranges, text: textValue } = parsed.value;
  if (type === "SET") return fail("a set cannot be an attribute");
  const invalid = checkRanges(ranges?.range ?? []);
  if (invalid !== undefined) return fail(invalid);
  return ok({
    name,
    type,
    ...(scalar && { scalar }),
    ...(ranges && { ranges }),
    ...(textValue && { text: textValue }),
  });
}

function plainValue(text: string): ReturnType<typeof parseValue> {
  if (text === "") return fail("the value is empty");
  const parsed = parseValue(text);
  return parsed.ok ? parsed : ok({ type: "TEXT", text: { value: text } });
}

/** The legacy JSON form: `{name: number | string}`; of equal names the last wins. */
export function attributesObject(attributes: readonly Attribute[]): Record<string, number | string> {
  const entries = attributes.map((attribute): [string, number | string] => {
    const { name, scalar, ranges, set, text } = attribute;
    if (scalar) return [name, scalar.value];
    if (ranges) return [name, formatIntervals(coalesce(ranges.range ?? []))];
    if (set) return [name, `{${(set.item ?? []).join(", ")}}`];
    return [name, text?.value ?? ""];
  });
  return Object.fromEntries(entries);
}
