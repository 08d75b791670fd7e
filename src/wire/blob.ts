/**
 * Compact bytes of a v1 message for the registry, checkpoints and agent links.
 * A message is a msgpack map from field number to value, an enum its number,
 * so that names may change; fields a reader does not know are skipped. Equal
 * messages give equal bytes whatever the order of their keys. One closure for
 * each message, built at first use.
 */
import { assert, present } from "../base/assert.ts";
import type { MessageName, MessageTypes } from "../model/v1/message-types.ts";
import { decodeMsgpackMaps, encodeMsgpack } from "./msgpack.ts";
import { MsgpackCursor } from "./msgpack-cursor.ts";
import { enumSchema, messageSchema } from "./schema.ts";
import type { FieldSchema, FieldType } from "./schema-parser.ts";

type Fields = Record<string, unknown>;
/** Turns one value into its stored form, or back; `undefined` leaves the field out. */
type Convert = (value: unknown) => unknown;

interface FieldCodec {
  readonly name: string;
  readonly number: number;
  readonly pack: Convert;
  readonly unpack: Convert;
}

interface MessageCodec {
  /** By ascending number, the order on disk. */
  readonly fields: FieldCodec[];
  readonly byNumber: Map<number, FieldCodec>;
  readonly byName: Map<string, FieldCodec>;
}

const codecs = new Map<string, MessageCodec>();
const cursor = new MsgpackCursor();

/** The bytes of a message of the type `name`, which must be complete. */
export function encodeBlob<N extends MessageName>(name: N, value: MessageTypes[N]): Uint8Array {
  return encodeMsgpack(packMessage(messageCodec(name), value as Fields));
}

/** The message in bytes that {@link encodeBlob} made, in this or another version; asserts on others. */
export function decodeBlob<N extends MessageName>(name: N, bytes: Uint8Array): MessageTypes[N] {
  const decoded = decodeMsgpackMaps(bytes);
  assert(decoded.ok, `Blob of ${name}: ${decoded.ok ? "" : decoded.error}`);
  return unpackBlob(name, decoded.value);
}

/** The message in a blob that is decoded to Maps already. */
export function unpackBlob<N extends MessageName>(name: N, packed: unknown): MessageTypes[N] {
  return unpackMessage(messageCodec(name), packed) as unknown as MessageTypes[N];
}

/** Where one field's stored form is; equal bytes for equal values. */
export interface FieldPlace {
  readonly from: number;
  readonly to: number;
}

/**
 * Finds one field in bytes that {@link encodeBlob} made, without reading the
 * others; undefined if it is not set. The message begins at `at`.
 */
export function findBlobField<N extends MessageName>(
  name: N,
  field: keyof MessageTypes[N] & string,
  bytes: Uint8Array,
  at = 0,
): FieldPlace | undefined {
  const { number } = fieldCodec(name, field);
  cursor.moveTo(bytes, at);
  for (let left = cursor.mapLength(); left > 0; left--) {
    const next = cursor.number();
    // They ascend.
    if (next > number) return undefined;
    const from = cursor.at;
    cursor.skip();
    if (next === number) return { from, to: cursor.at };
  }
  return undefined;
}

/**
 * The blob without one field, in memory of its own if it has that field. The others keep their bytes, also
 * those that only later versions know: masters of two versions must make the same of it.
 */
export function withoutBlobField<N extends MessageName>(
  name: N,
  field: keyof MessageTypes[N] & string,
  bytes: Uint8Array,
): Uint8Array {
  const { number } = fieldCodec(name, field);
  cursor.moveTo(bytes, 0);
  const count = cursor.mapLength();
  const begin = cursor.at;
  for (let left = count; left > 0; left--) {
    const from = cursor.at;
    // Numbers of fields are below 128 and so one byte; other keys mean nothing here.
    const found = bytes[from] === number;
    cursor.skip();
    cursor.skip();
    if (!found) continue;
    const head = mapHead(count - 1);
    const rest = new Uint8Array(head.length + from - begin + bytes.length - cursor.at);
    rest.set(head);
    rest.set(bytes.subarray(begin, from), head.length);
    rest.set(bytes.subarray(cursor.at), head.length + from - begin);
    return rest;
  }
  return bytes;
}

/** As msgpack writes it shortest. */
function mapHead(count: number): Uint8Array {
  return count < 16 ? Uint8Array.of(0x80 + count) : Uint8Array.of(0xde, count >> 8, count & 0xff);
}

/** The value of a field in its stored form, see {@link findBlobField}. */
export function decodeBlobField<N extends MessageName, F extends keyof MessageTypes[N] & string>(
  name: N,
  field: F,
  stored: Uint8Array,
): MessageTypes[N][F] {
  const decoded = decodeMsgpackMaps(stored);
  assert(decoded.ok, `Blob of ${name}.${field}: ${decoded.ok ? "" : decoded.error}`);
  return fieldCodec(name, field).unpack(decoded.value) as MessageTypes[N][F];
}

function fieldCodec(message: string, field: string): FieldCodec {
  const codec = messageCodec(message).byName.get(field);
  assert(codec !== undefined, `${message} has no field ${field}`);
  return codec;
}

function packMessage({ fields }: MessageCodec, value: Fields): Map<number, unknown> {
  const packed = new Map<number, unknown>();
  for (const field of fields) {
    const content = value[field.name];
    if (content === undefined) continue;
    const stored = field.pack(content);
    if (stored !== undefined) packed.set(field.number, stored);
  }
  return packed;
}

function unpackMessage({ byNumber }: MessageCodec, packed: unknown): Fields {
  assert(packed instanceof Map, "Blob: a message must be a map");
  const message: Fields = {};
  for (const [number, stored] of packed) {
    const field = byNumber.get(number);
    if (field === undefined) continue;
    const content = field.unpack(stored);
    if (content !== undefined) message[field.name] = content;
  }
  return message;
}

function messageCodec(name: string): MessageCodec {
  const known = codecs.get(name);
  if (known) return known;
  const codec: MessageCodec = { fields: [], byNumber: new Map(), byName: new Map() };
  // Known before its fields are built: ContainerID refers to itself.
  codecs.set(name, codec);
  for (const field of messageSchema(name).fields.toSorted((a, b) => a.number - b.number)) {
    const fieldCodec = { name: field.name, number: field.number, ...labelConverters(field) };
    codec.fields.push(fieldCodec);
    codec.byNumber.set(field.number, fieldCodec);
    codec.byName.set(field.name, fieldCodec);
  }
  return codec;
}

interface Converters {
  readonly pack: Convert;
  readonly unpack: Convert;
}

function labelConverters(field: FieldSchema): Converters {
  const { pack, unpack } = typeConverters(field.type);
  if (field.label === "repeated") return { pack: listConverter(pack), unpack: listConverter(unpack) };
  if (field.label !== "map") return { pack, unpack };
  return {
    pack: (value) => {
      const entries = Object.entries(value as Fields).sort(([a], [b]) => (a < b ? -1 : 1));
      return entries.length === 0 ? undefined : new Map(entries.map(([key, item]) => [key, pack(item)]));
    },
    unpack: (value) =>
      Object.fromEntries([...(value as Map<string, unknown>)].map(([k, v]) => [k, unpack(v)])),
  };
}

function listConverter(convert: Convert): Convert {
  return (value) => {
    const items = (value as unknown[]).map(convert).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  };
}

function typeConverters(type: FieldType): Converters {
  if (type.kind === "scalar") return { pack: (value) => value, unpack: (value) => value };
  if (type.kind === "message") {
    const codec = messageCodec(type.name);
    return {
      pack: (value) => packMessage(codec, value as Fields),
      unpack: (value) => unpackMessage(codec, value),
    };
  }
  const { values } = enumSchema(type.name);
  const names = new Map([...values].map(([name, number]) => [number, name]));
  return {
    pack: (value) => present(values.get(value as string), `${type.name} has no value ${value}`),
    // A value added by a later version stays unset here.
    unpack: (value) => names.get(value as number),
  };
}
