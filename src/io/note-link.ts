/**
 * Notes over a link of kind "client" on a master's raft port, for clients that
 * change many: frames of msgpack, any number of requests under way, answers in
 * any order.
 *
 *   request  [id, 1 get | 2 put | 3 delete, key, value | nil, ifVersion | nil]
 *   answer   [id, status, body, version | nil]
 *
 * Statuses are those of HTTP. The body is the value of a note that was read,
 * "host:port" of the leader's raft port after 307, else a text. Numbers are
 * for ever; new fields go to the end.
 */
import { decodeMsgpack, lendMsgpack } from "../wire/msgpack.ts";

/** Position is the number on the wire. */
const NOTE_OPERATIONS = ["", "get", "put", "delete"] as const;
export type NoteOperation = "get" | "put" | "delete";

export interface NoteRequest {
  readonly id: number;
  readonly operation: NoteOperation;
  readonly key: string;
  readonly value?: Uint8Array | undefined;
  readonly ifVersion?: number | undefined;
}

export interface NoteAnswer {
  readonly id: number;
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly version: number | undefined;
}

const UINT32_MAX = 2 ** 32 - 1;

/** To be sent at once, like {@link encodeNoteAnswer}: the bytes are lent. */
export function encodeNoteRequest({ id, operation, key, value, ifVersion }: NoteRequest): Uint8Array {
  return lendMsgpack([id, NOTE_OPERATIONS.indexOf(operation), key, value ?? null, ifVersion ?? null]);
}

export function encodeNoteAnswer({ id, status, body, version }: NoteAnswer): Uint8Array {
  // As a number it would be a float.
  const whole = version !== undefined && version > UINT32_MAX ? BigInt(version) : version;
  return lendMsgpack([id, status, body, whole ?? null]);
}

/** Undefined: the other side does not speak this protocol. */
export function decodeNoteAnswer(payload: Uint8Array): NoteAnswer | undefined {
  const decoded = decodeMsgpack(payload);
  if (!decoded.ok || !Array.isArray(decoded.value)) return undefined;
  const [id, status, body, version] = decoded.value as unknown[];
  if (typeof id !== "number" || typeof status !== "number") return undefined;
  if (typeof body !== "string" && !(body instanceof Uint8Array)) return undefined;
  return { id, status, body, version: typeof version === "number" ? version : undefined };
}

/** Undefined: the other side does not speak this protocol. */
export function decodeNoteRequest(payload: Uint8Array): NoteRequest | undefined {
  const decoded = decodeMsgpack(payload);
  if (!decoded.ok || !Array.isArray(decoded.value)) return undefined;
  const [id, number, key, value, ifVersion] = decoded.value as unknown[];
  const operation = typeof number === "number" ? NOTE_OPERATIONS[number] : undefined;
  if (typeof id !== "number" || operation === undefined || operation === "") return undefined;
  if (typeof key !== "string" || (operation === "put" && !(value instanceof Uint8Array))) return undefined;
  // A condition that is not understood is not one that is left out.
  const depends = ifVersion !== undefined && ifVersion !== null;
  if (depends && (typeof ifVersion !== "number" || !Number.isSafeInteger(ifVersion) || ifVersion < 0))
    return undefined;
  return {
    id,
    operation,
    key,
    value: value instanceof Uint8Array ? value : undefined,
    ifVersion: typeof ifVersion === "number" ? ifVersion : undefined,
  };
}
