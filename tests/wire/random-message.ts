/** Random messages of any type, from the schema: inputs for the property tests of the codecs. */
import type { Random } from "../../src/base/random.ts";
import { enumSchema, messageSchema } from "../../src/wire/schema.ts";
import type { FieldSchema, FieldType } from "../../src/wire/schema-parser.ts";

const TEXTS = ["", "a", 'ü\n"\\', "__proto__", "cpus", "\u0000", "😀", "a".repeat(300)];
const NUMBERS = [0, 1, -1, 0.1, 1e21, -2.5, 1e-9, 123456789.125, Number.MAX_SAFE_INTEGER];

/** A value for messages of a type; undefined: any. */
export type Choose = (name: string) => Record<string, unknown> | undefined;

/** A complete message; below `depth` 0 only required fields are filled. */
export function randomMessage(
  random: Random,
  name: string,
  depth: number,
  choose: Choose = () => undefined,
): Record<string, unknown> {
  const chosen = choose(name);
  if (chosen !== undefined) return chosen;
  const message: Record<string, unknown> = {};
  for (const field of messageSchema(name).fields) {
    const wanted = field.label === "required" || (depth > 0 && random.chance(0.5));
    if (wanted) message[field.name] = randomField(random, field, depth, choose);
  }
  return message;
}

export function randomField(random: Random, field: FieldSchema, depth: number, choose?: Choose): unknown {
  const value = () => randomValue(random, field.type, depth - 1, choose);
  if (field.label === "repeated") return Array.from({ length: random.between(1, 3) }, value);
  if (field.label !== "map") return value();
  return Object.fromEntries(
    Array.from({ length: random.between(1, 3) }, () => [random.pick(TEXTS), value()]),
  );
}

function randomValue(random: Random, type: FieldType, depth: number, choose?: Choose): unknown {
  if (type.kind === "message") return randomMessage(random, type.name, depth, choose);
  if (type.kind === "enum") return random.pick([...enumSchema(type.name).values.keys()]);
  switch (type.name) {
    case "string":
      return random.pick(TEXTS);
    case "bytes":
      return random.bytes(random.below(20));
    case "bool":
      return random.chance(0.5);
    case "double":
      return random.pick([...NUMBERS, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    case "int32":
      return random.between(-(2 ** 31), 2 ** 31 - 1);
    case "uint32":
      return random.u32();
    case "int64":
      return random.u32() * random.below(2 ** 20) * (random.chance(0.5) ? 1 : -1) + 0;
    case "uint64":
      return random.u32() * random.below(2 ** 20);
  }
}

/** Any JSON value, half of its keys ones that messages have. */
export function randomJson(random: Random, depth: number): unknown {
  switch (random.below(depth > 0 ? 8 : 6)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick(NUMBERS);
    case 3:
      return random.pick(TEXTS);
    case 4:
      return random.pick(["SUBSCRIBE", "SCALAR", "Infinity", "12", "true", "AAAA"]);
    case 5:
      return random.below(100);
    case 6:
      return Array.from({ length: random.below(4) }, () => randomJson(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(6) }, () => [random.pick(KEYS), randomJson(random, depth - 1)]),
      );
  }
}

const KEYS = [
  ...["type", "value", "framework_id", "subscribe", "framework_info", "accept", "operations", "launch"],
  ...["task_infos", "resources", "name", "scalar", "ranges", "limits", "filters", "uuid", "acknowledge", "x"],
];
