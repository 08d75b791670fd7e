/**
 * Whether bytes from another machine are a blob that `decodeBlob`, which
 * trusts its writer, and all who read the message can take.
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { unpackBlob } from "./blob.ts";
import { decodeMsgpackMaps } from "./msgpack.ts";
import { missingRequired } from "./required-fields.ts";
import { messageSchema } from "./schema.ts";
import type { FieldSchema, FieldType, ScalarType } from "./schema-parser.ts";

/** The message, complete and with values of the schema's types. The error names the field. */
export function readBlob<N extends MessageName>(name: N, bytes: Uint8Array): Result<MessageTypes[N]> {
  const decoded = decodeMsgpackMaps(bytes);
  if (!decoded.ok) return decoded;
  const wrong = wrongMessage(name, decoded.value);
  if (wrong !== undefined) return fail(name + wrong);
  const message = unpackBlob(name, decoded.value);
  const missing = missingRequired(name, message as unknown as Readonly<Record<string, unknown>>);
  if (missing.length > 0) return fail(`${name} lacks ${missing.join(", ")}`);
  return ok(message);
}

/**
 * What is wrong with a packed message, as a path from it and words (`.agent_id.value must be string`), or
 * undefined. Fields of later versions are skipped.
 */
function wrongMessage(name: string, packed: unknown): string | undefined {
  if (!(packed instanceof Map)) return " must be a map";
  for (const field of messageSchema(name).fields) {
    const value: unknown = packed.get(field.number);
    if (value === undefined && !packed.has(field.number)) continue;
    const wrong = wrongField(field, value);
    if (wrong !== undefined) return `.${field.name}${wrong}`;
  }
  return undefined;
}

function wrongField({ label, type }: FieldSchema, value: unknown): string | undefined {
  if (label === "repeated") {
    if (!Array.isArray(value)) return " must be a list";
    return firstWrong(type, value);
  }
  if (label !== "map") return wrongValue(type, value);
  if (!(value instanceof Map)) return " must be a map";
  for (const key of value.keys()) if (typeof key !== "string") return " must have text as keys";
  return firstWrong(type, value.values());
}

function firstWrong(type: FieldType, values: Iterable<unknown>): string | undefined {
  for (const value of values) {
    const wrong = wrongValue(type, value);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function wrongValue(type: FieldType, value: unknown): string | undefined {
  if (type.kind === "message") return wrongMessage(type.name, value);
  // The number of an enum's value; one of a later version leaves the field unset.
  const fits = type.kind === "enum" ? Number.isInteger(value) : SCALARS[type.name](value);
  return fits ? undefined : ` must be ${type.kind === "enum" ? "the number of a name" : type.name}`;
}

/** An integer outside of its range could be kept, and not be written as protobuf. */
const isWithin =
  (min: number, max: number) =>
  (value: unknown): boolean =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;

const SCALARS: { readonly [K in ScalarType]: (value: unknown) => boolean } = {
  string: (value) => typeof value === "string",
  bytes: (value) => value instanceof Uint8Array,
  bool: (value) => typeof value === "boolean",
  double: (value) => typeof value === "number" && !Number.isNaN(value),
  int32: isWithin(-(2 ** 31), 2 ** 31 - 1),
  uint32: isWithin(0, 2 ** 32 - 1),
  int64: isWithin(-(2 ** 63), 2 ** 63),
  uint64: isWithin(0, 2 ** 64),
};
