import type { ScalarType } from "./schema-parser.ts";

/** JSON that does not fit the message; thrown and caught inside the decoder only. */
export class JsonRefusal extends Error {
  override readonly name = "JsonRefusal";
}

/** What JSON calls a parsed value: object, array, string, number, boolean or null. */
export function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Smallest and largest value of each integer type; those of 64 bits as near as a number comes. */
const RANGES: Readonly<Partial<Record<ScalarType, readonly [number, number]>>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
};

const NUMBER = /^\s*-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$/;
const NOT_BASE64 = /[^A-Za-z0-9+/=\s]/;

/** Reads one value of a scalar field. Throws {@link JsonRefusal} with Mesos' text. */
export function decodeScalar(type: ScalarType, value: unknown, fieldName: string): unknown {
  switch (typeof value) {
    case "string":
      return fromString(type, value, fieldName);
    case "number":
      if (type === "string" || type === "bytes" || type === "bool") break;
      return inRange(type, value, fieldName);
    case "boolean":
      if (type === "bool") return value;
      break;
  }
  throw new JsonRefusal(`Not expecting a JSON ${typeOf(value)} for field '${fieldName}'`);
}

function fromString(type: ScalarType, text: string, fieldName: string): unknown {
  if (type === "string") return wellFormed(text, fieldName);
  if (type === "bytes") return fromBase64(text, fieldName);
  if (type === "bool") {
    if (text === "true" || text === "false") return text === "true";
    throw new JsonRefusal(`Failed to parse '${text}' as a JSON boolean for field '${fieldName}'`);
  }
  if (type === "double" && (text === "Infinity" || text === "-Infinity")) return Number(text);
  if (NUMBER.test(text)) return inRange(type, Number(text), fieldName);
  throw new JsonRefusal(`Failed to parse '${text}' as a JSON number for field '${fieldName}'`);
}

/**
 * Half a surrogate pair (`"\ud800"`) has no UTF-8 form: kept as text, an id
 * would be another after its way through the log. Mesos refuses such JSON too.
 */
export function wellFormed(text: string, fieldName: string): string {
  if (text.isWellFormed()) return text;
  throw new JsonRefusal(`Invalid Unicode in ${JSON.stringify(text)} for field '${fieldName}'`);
}

/** Integer fields drop a fraction, as Mesos does. */
function inRange(type: ScalarType, value: number, fieldName: string): number {
  const range = RANGES[type];
  if (range === undefined) return value;
  const integer = Math.trunc(value) + 0;
  if (integer >= range[0] && integer <= range[1]) return integer;
  throw new JsonRefusal(`Number ${value} is out of the range of ${type} for field '${fieldName}'`);
}

function fromBase64(text: string, fieldName: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    const invalid = NOT_BASE64.exec(text);
    const reason = invalid ? `Invalid character '${invalid[0]}'` : `Invalid length ${text.length}`;
    throw new JsonRefusal(`Failed to base64 decode bytes field '${fieldName}': ${reason}`);
  }
}
