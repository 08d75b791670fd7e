/**
 * JSON input of v1 messages, as lenient and as strict as Mesos: unknown keys
 * and null are ignored, an unknown enum name leaves its field unset unless the
 * field is required, numbers and booleans may come as strings, a repeated
 * field may come as one bare element. One closure for each message, built at
 * first use.
 */
import { MESSAGE_MAX_DEPTH } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { decodeScalar, JsonRefusal, typeOf, wellFormed } from "./json-scalars.ts";
import { describeSyntaxError } from "./json-syntax.ts";
import { missingRequired } from "./required-fields.ts";
import { enumSchema, messageSchema } from "./schema.ts";
import type { FieldSchema, FieldType } from "./schema-parser.ts";

/** `syntax`: not JSON at all. `conversion`: JSON that is not the message. The text is Mesos' own. */
export interface JsonError {
  readonly kind: "syntax" | "conversion";
  readonly message: string;
}

type Fields = Record<string, unknown>;
/** Reads one value; `undefined` leaves the field unset. Throws {@link JsonRefusal}. */
type Decode = (value: unknown) => unknown;
/** Reads a field's value into its message. */
type DecodeField = (value: unknown, into: Fields) => void;

interface MessageDecoder {
  readonly fields: ReadonlyMap<string, DecodeField>;
  readonly required: readonly string[];
}

const decoders = new Map<string, MessageDecoder>();
/** Nesting of the message being read, and whether one without a required field was met. */
let depth = 0;
let incomplete = false;

/** Reads the message `name` from JSON text. */
export function decodeJson<N extends MessageName>(name: N, text: string): Result<MessageTypes[N], JsonError> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail({ kind: "syntax", message: describeSyntaxError(text) });
  }
  return decodeJsonValue(name, value);
}

/** Reads the message `name` from parsed JSON, of which it keeps no part but strings. */
export function decodeJsonValue<N extends MessageName>(
  name: N,
  value: unknown,
): Result<MessageTypes[N], JsonError> {
  if (typeOf(value) !== "object") return fail({ kind: "conversion", message: "Expecting a JSON object" });
  depth = 0;
  incomplete = false;
  try {
    const message = decodeMessage(messageDecoder(name), value as Fields);
    if (incomplete) {
      const missing = missingRequired(name, message).join(", ");
      return fail({ kind: "conversion", message: `Missing required fields: ${missing}` });
    }
    // Every field was checked against the schema that the type was generated from.
    return ok(message as unknown as MessageTypes[N]);
  } catch (error) {
    if (error instanceof JsonRefusal) return fail({ kind: "conversion", message: error.message });
    throw error;
  }
}

function decodeMessage(decoder: MessageDecoder, value: Fields): Fields {
  if (++depth > MESSAGE_MAX_DEPTH) {
    throw new JsonRefusal(`Cannot read messages nested deeper than ${MESSAGE_MAX_DEPTH}`);
  }
  const message: Fields = {};
  for (const key in value) decoder.fields.get(key)?.(value[key], message);
  for (const name of decoder.required) if (message[name] === undefined) incomplete = true;
  depth--;
  return message;
}

function messageDecoder(name: string): MessageDecoder {
  const known = decoders.get(name);
  if (known) return known;
  const { fields } = messageSchema(name);
  const byName = new Map<string, DecodeField>();
  const required = fields.filter((field) => field.label === "required").map((field) => field.name);
  const decoder: MessageDecoder = { fields: byName, required };
  // Known before its fields are built: ContainerID refers to itself.
  decoders.set(name, decoder);
  for (const field of fields) byName.set(field.name, fieldDecoder(field));
  return decoder;
}

function fieldDecoder(field: FieldSchema): DecodeField {
  if (field.label === "map") return mapDecoder(field);
  const decode = typeDecoder(field.type, field.name, field.label === "required");
  if (field.label === "repeated") return listDecoder(field.name, decode);
  return (value, into) => {
    if (value === null) return;
    const decoded = decode(value);
    if (decoded !== undefined) into[field.name] = decoded;
  };
}

function listDecoder(name: string, decode: Decode): DecodeField {
  return (value, into) => {
    if (value === null) return;
    const list: unknown[] = [];
    for (const item of Array.isArray(value) ? value : [value]) {
      const decoded = item === null ? undefined : decode(item);
      if (decoded !== undefined) list.push(decoded);
    }
    if (list.length > 0) into[name] = list;
  };
}

function mapDecoder(field: FieldSchema): DecodeField {
  // In protobuf a map is a list of entries with the fields `key` and `value`.
  const decode = typeDecoder(field.type, "value", false);
  return (value, into) => {
    if (value === null) return;
    if (typeOf(value) !== "object") throw unexpected(value, field.name);
    const entries: [string, unknown][] = [];
    for (const [key, item] of Object.entries(value as Fields)) {
      const decoded = item === null ? undefined : decode(item);
      if (decoded !== undefined) entries.push([wellFormed(key, field.name), decoded]);
    }
    // fromEntries makes even "__proto__" an ordinary key.
    if (entries.length > 0) into[field.name] = Object.fromEntries(entries);
  };
}

function typeDecoder(type: FieldType, fieldName: string, required: boolean): Decode {
  if (type.kind === "scalar") return (value) => decodeScalar(type.name, value, fieldName);
  if (type.kind === "enum") return enumDecoder(type.name, fieldName, required);
  const decoder = messageDecoder(type.name);
  return (value) => {
    if (typeOf(value) !== "object") throw unexpected(value, fieldName);
    return decodeMessage(decoder, value as Fields);
  };
}

function enumDecoder(enumName: string, fieldName: string, required: boolean): Decode {
  const { values } = enumSchema(enumName);
  return (value) => {
    if (typeof value !== "string") throw unexpected(value, fieldName);
    if (values.has(value)) return value;
    if (required) throw new JsonRefusal(`Failed to find enum for '${value}'`);
    return undefined;
  };
}

function unexpected(value: unknown, fieldName: string): JsonRefusal {
  return new JsonRefusal(`Not expecting a JSON ${typeOf(value)} for field '${fieldName}'`);
}
