/**
 * JSON output of v1 messages, as Mesos writes it: compact, fields in
 * declaration order, doubles with a fraction, bytes in base64, unset optional
 * fields with their declared default unless deprecated, nothing for empty
 * lists and maps. One closure for each message, built at first use.
 */
import { present } from "../base/assert.ts";
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { integerWithin, MAX_INT64, MAX_UINT64 } from "./integers.ts";
import { enumSchema, messageSchema } from "./schema.ts";
import type { FieldSchema, FieldType, ScalarType } from "./schema-parser.ts";

type Encode = (value: unknown) => string;

interface FieldEncoder {
  readonly name: string;
  /** `"name":default`, or empty when an unset field is not written. */
  readonly unset: string;
  /** `"name":content`, or empty for an empty list or map. */
  readonly write: Encode;
}

const encoders = new Map<string, Encode>();

/** The JSON text of a message of the type `name`. */
export function encodeJson<N extends MessageName>(name: N, value: MessageTypes[N]): string {
  return messageEncoder(name)(value);
}

function messageEncoder(name: string): Encode {
  const known = encoders.get(name);
  if (known) return known;
  let fields: FieldEncoder[] | undefined;
  const encode: Encode = (value) => {
    // Built here and not outside: ContainerID refers to itself.
    fields ??= messageSchema(name).fields.map(fieldEncoder);
    return encodeFields(fields, value as Record<string, unknown>);
  };
  encoders.set(name, encode);
  return encode;
}

function encodeFields(fields: readonly FieldEncoder[], value: Record<string, unknown>): string {
  let out = "";
  for (const field of fields) {
    const content = value[field.name];
    const text = content === undefined ? field.unset : field.write(content);
    if (text !== "") out += out === "" ? text : `,${text}`;
  }
  return `{${out}}`;
}

function fieldEncoder(field: FieldSchema): FieldEncoder {
  const key = `${JSON.stringify(field.name)}:`;
  const encode = typeEncoder(field.type);
  const written = field.default !== undefined && !field.deprecated && field.label === "optional";
  return {
    name: field.name,
    unset: written ? key + encode(field.default) : "",
    write: fieldWriter(field, key, encode),
  };
}

function fieldWriter(field: FieldSchema, key: string, encode: Encode): Encode {
  switch (field.label) {
    case "repeated":
      return (value) => writeList(key, value as readonly unknown[], encode);
    case "map":
      return (value) => writeMap(key, Object.entries(value as Record<string, unknown>), encode);
    default:
      return (value) => key + encode(value);
  }
}

function writeList(key: string, items: readonly unknown[], encode: Encode): string {
  if (items.length === 0) return "";
  let out = encode(items[0]);
  for (let i = 1; i < items.length; i++) out += `,${encode(items[i])}`;
  return `${key}[${out}]`;
}

function writeMap(key: string, entries: readonly [string, unknown][], encode: Encode): string {
  if (entries.length === 0) return "";
  return `${key}{${entries.map(([name, item]) => `${quote(name)}:${encode(item)}`).join(",")}}`;
}

function typeEncoder(type: FieldType): Encode {
  if (type.kind === "message") return messageEncoder(type.name);
  if (type.kind === "scalar") return SCALAR_ENCODERS[type.name];
  const names = new Map([...enumSchema(type.name).values.keys()].map((name) => [name, `"${name}"`]));
  return (value) => present(names.get(value as string), `${type.name} has no value ${value}`);
}

const SCALAR_ENCODERS: Record<ScalarType, Encode> = {
  string: (value) => quote(value as string),
  bytes: (value) => `"${(value as Uint8Array).toBase64()}"`,
  bool: (value) => (value === true ? "true" : "false"),
  double: (value) => encodeDouble(value as number),
  int32: String,
  uint32: String,
  int64: (value) => String(integerWithin(value as number, MAX_INT64)),
  uint64: (value) => String(integerWithin(value as number, MAX_UINT64)),
};

/** Mesos writes a bare `Infinity`, which is no JSON; the string form is what it reads as well. */
function encodeDouble(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  const text = String(value);
  return Number.isInteger(value) && !text.includes("e") ? `${text}.0` : text;
}

const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

function quote(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}
