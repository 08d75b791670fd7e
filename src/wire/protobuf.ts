/**
 * Protobuf (proto2) bytes of v1 messages, from the same schema as JSON. The
 * primitives are @bufbuild/protobuf's reader and writer; one closure for each
 * message, built at first use.
 *
 * As C++ protobuf does: only set fields are written; a field that comes twice
 * counts as its last value, messages are merged, lists are joined, packed
 * numbers are taken; unknown fields are skipped. An enum number this version
 * does not know reads as UNKNOWN where the enum has it, and is dropped
 * elsewhere.
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { present } from "../base/assert.ts";
import { MESSAGE_MAX_DEPTH } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { integerWithin, MAX_INT64, MAX_UINT64 } from "./integers.ts";
import { missingRequired } from "./required-fields.ts";
import { enumSchema, messageSchema } from "./schema.ts";
import type { FieldSchema, FieldType, ScalarType } from "./schema-parser.ts";

type Message = Record<string, unknown>;

/** The bytes of a message of the type `name`. */
export function encodeProtobuf<N extends MessageName>(name: N, value: MessageTypes[N]): Uint8Array {
  const writer = new BinaryWriter();
  messageWriter(name)(writer, value as unknown as Message);
  return writer.finish();
}

/** Some fields of a message: such bytes one after the other are the message with all of them. */
export function encodeProtobufPart<N extends MessageName>(
  name: N,
  value: Partial<MessageTypes[N]>,
): Uint8Array {
  return encodeProtobuf(name, value as MessageTypes[N]);
}

/** A field of the message `name` whose value is a message, by the bytes of that. */
export function protobufField<N extends MessageName>(
  name: N,
  field: keyof MessageTypes[N] & string,
  parts: readonly Uint8Array[],
): Uint8Array[] {
  const known = messageSchema(name).fields.find((one) => one.name === field);
  const { number } = present(known, `${name} has no field ${field}`);
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  return [new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(bytes).finish(), ...parts];
}

/** The message in the bytes; the error says what is wrong with them. */
export function decodeProtobuf<N extends MessageName>(name: N, bytes: Uint8Array): Result<MessageTypes[N]> {
  const message: Message = {};
  try {
    messageReader(name)(new BinaryReader(bytes), bytes.length, message, 0);
  } catch (error) {
    return fail(
      `Cannot read ${bytes.length} bytes as ${name}: ${error instanceof Error ? error.message : error}`,
    );
  }
  const missing = missingRequired(name, message);
  if (missing.length > 0) return fail(`Missing required fields: ${missing.join(", ")}`);
  // Every field was read by its schema, and the required ones are there.
  return ok(message as unknown as MessageTypes[N]);
}

// Writing

type WriteMessage = (writer: BinaryWriter, message: Message) => void;
type WriteValue = (writer: BinaryWriter, value: unknown) => void;

const messageWriters = new Map<string, WriteMessage>();

function messageWriter(name: string): WriteMessage {
  const known = messageWriters.get(name);
  if (known !== undefined) return known;
  let fields: (readonly [name: string, write: WriteValue])[] | undefined;
  const write: WriteMessage = (writer, message) => {
    // Built here and not outside: ContainerID refers to itself.
    fields ??= messageSchema(name).fields.map((field) => [field.name, fieldWriter(field)] as const);
    for (const [field, writeField] of fields) {
      const value = message[field];
      if (value !== undefined) writeField(writer, value);
    }
  };
  messageWriters.set(name, write);
  return write;
}

function fieldWriter(field: FieldSchema): WriteValue {
  const write = taggedWriter(field.number, field.type);
  switch (field.label) {
    case "repeated":
      return (writer, value) => {
        for (const item of value as readonly unknown[]) write(writer, item);
      };
    case "map": {
      const writeValue = taggedWriter(2, field.type);
      return (writer, value) => {
        for (const [key, item] of Object.entries(value as Message)) {
          writer
            .tag(field.number, WireType.LengthDelimited)
            .fork()
            .tag(1, WireType.LengthDelimited)
            .string(key);
          writeValue(writer, item);
          writer.join();
        }
      };
    }
    default:
      return write;
  }
}

function taggedWriter(number: number, type: FieldType): WriteValue {
  if (type.kind === "message") {
    const write = messageWriter(type.name);
    return (writer, value) => {
      writer.tag(number, WireType.LengthDelimited).fork();
      write(writer, value as Message);
      writer.join();
    };
  }
  if (type.kind === "enum") {
    const { values } = enumSchema(type.name);
    return (writer, value) => {
      writer
        .tag(number, WireType.Varint)
        .int32(present(values.get(value as string), `${type.name} has no ${value}`));
    };
  }
  const wireType = wireTypeOf(type.name);
  const write = SCALAR_WRITERS[type.name];
  return (writer, value) => write(writer.tag(number, wireType), value);
}

const SCALAR_WRITERS: Readonly<Record<ScalarType, WriteValue>> = {
  string: (writer, value) => void writer.string(value as string),
  bytes: (writer, value) => void writer.bytes(value as Uint8Array),
  bool: (writer, value) => void writer.bool(value as boolean),
  double: (writer, value) => void writer.double(value as number),
  int32: (writer, value) => void writer.int32(value as number),
  uint32: (writer, value) => void writer.uint32(value as number),
  int64: (writer, value) => void writer.int64(integerWithin(value as number, MAX_INT64)),
  uint64: (writer, value) => void writer.uint64(integerWithin(value as number, MAX_UINT64)),
};

function wireTypeOf(type: ScalarType): WireType {
  if (type === "string" || type === "bytes") return WireType.LengthDelimited;
  return type === "double" ? WireType.Bit64 : WireType.Varint;
}

// Reading

/** Reads fields up to `end` into `message`. Throws on bytes that are no such message. */
type ReadMessage = (reader: BinaryReader, end: number, message: Message, depth: number) => void;
type ReadField = (reader: BinaryReader, wireType: WireType, message: Message, depth: number) => void;

const messageReaders = new Map<string, ReadMessage>();

function messageReader(name: string): ReadMessage {
  const known = messageReaders.get(name);
  if (known !== undefined) return known;
  let fields: Map<number, ReadField> | undefined;
  const read: ReadMessage = (reader, end, message, depth) => {
    fields ??= new Map(messageSchema(name).fields.map((field) => [field.number, fieldReader(field)]));
    if (depth > MESSAGE_MAX_DEPTH) throw new Error(`nested deeper than ${MESSAGE_MAX_DEPTH} messages`);
    if (end > reader.len) throw new Error("a field ends behind the bytes");
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      const readField = fields.get(number);
      if (readField === undefined) reader.skip(wireType, number);
      else readField(reader, wireType, message, depth);
    }
    if (reader.pos !== end) throw new Error("a field runs into the next message");
  };
  messageReaders.set(name, read);
  return read;
}

function fieldReader(field: FieldSchema): ReadField {
  const { name, label, type, number } = field;
  if (label === "map") return mapReader(field);
  if (type.kind === "message") {
    const read = messageReader(type.name);
    return (reader, wireType, message, depth) => {
      if (wireType !== WireType.LengthDelimited) return void reader.skip(wireType, number);
      const end = reader.uint32() + reader.pos;
      const known = label === "repeated" ? undefined : message[name];
      const part = (known ?? {}) as Message;
      read(reader, end, part, depth + 1);
      put(message, label, name, part);
    };
  }
  const expected = type.kind === "enum" ? WireType.Varint : wireTypeOf(type.name);
  const read = valueReader(type);
  return (reader, wireType, message) => {
    if (wireType === expected) {
      put(message, label, name, read(reader));
    } else if (wireType === WireType.LengthDelimited && label === "repeated") {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) put(message, label, name, read(reader));
    } else {
      reader.skip(wireType, number);
    }
  };
}

/** An entry is a message of key (field 1) and value (field 2); a missing value reads as an empty message. */
function mapReader({ name, type, number }: FieldSchema): ReadField {
  const entry: FieldSchema = {
    name: "value",
    number: 2,
    label: "optional",
    type,
    deprecated: false,
    oneof: false,
  };
  const readValue = fieldReader(entry);
  return (reader, wireType, message, depth) => {
    if (wireType !== WireType.LengthDelimited) return void reader.skip(wireType, number);
    const end = reader.uint32() + reader.pos;
    const pair: Message = {};
    let key = "";
    while (reader.pos < end) {
      const [part, partType] = reader.tag();
      if (part === 1 && partType === WireType.LengthDelimited) key = reader.string();
      else if (part === 2) readValue(reader, partType, pair, depth);
      else reader.skip(partType, part);
    }
    const map = (message[name] ?? Object.create(null)) as Message;
    map[key] = pair["value"] ?? {};
    message[name] = map;
  };
}

function put(message: Message, label: FieldSchema["label"], name: string, value: unknown): void {
  if (value === undefined) return;
  if (label !== "repeated") {
    message[name] = value;
    return;
  }
  const list = message[name] as unknown[] | undefined;
  if (list === undefined) message[name] = [value];
  else list.push(value);
}

function valueReader(type: Exclude<FieldType, { kind: "message" }>): (reader: BinaryReader) => unknown {
  if (type.kind === "scalar") return SCALAR_READERS[type.name];
  const { values } = enumSchema(type.name);
  const names = new Map([...values].map(([name, number]) => [number, name]));
  const unknown = values.has("UNKNOWN") ? "UNKNOWN" : undefined;
  return (reader) => names.get(reader.int32()) ?? unknown;
}

const SCALAR_READERS: Readonly<Record<ScalarType, (reader: BinaryReader) => unknown>> = {
  string: (reader) => reader.string(),
  // A copy, so that a small value does not keep the whole request alive.
  bytes: (reader) => reader.bytes().slice(),
  bool: (reader) => reader.bool(),
  double: (reader) => reader.double(),
  int32: (reader) => reader.int32(),
  uint32: (reader) => reader.uint32(),
  int64: (reader) => Number(reader.int64()),
  uint64: (reader) => Number(reader.uint64()),
};
