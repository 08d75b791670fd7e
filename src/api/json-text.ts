/**
 * Building blocks of the legacy JSON documents. They are written as text
 * straight away: JSON.stringify cannot tell a double (`15.0`) from an
 * integer (`15`), and clients in typed languages can.
 */

/** JSON, ready to be put into a larger document. */
export type JsonText = string;

const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

export function quote(text: string): JsonText {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

export function double(value: number): JsonText {
  const text = String(value);
  if (!Number.isFinite(value)) return `"${text}"`;
  return Number.isInteger(value) && !text.includes("e") ? `${text}.0` : text;
}

export function integer(value: number): JsonText {
  return String(value);
}

export function bool(value: boolean): JsonText {
  return value ? "true" : "false";
}

/** An object; members that are undefined are left out. Keys are plain names. */
export function object(members: Readonly<Record<string, JsonText | undefined>>): JsonText {
  let out = "";
  for (const key in members) {
    const value = members[key];
    if (value !== undefined) out += out === "" ? `"${key}":${value}` : `,"${key}":${value}`;
  }
  return `{${out}}`;
}

/** An object whose keys are data. */
export function dictionary(entries: Iterable<readonly [key: string, value: JsonText]>): JsonText {
  let out = "";
  for (const [key, value] of entries) out += `${out === "" ? "" : ","}${quote(key)}:${value}`;
  return `{${out}}`;
}

export function list<T>(items: Iterable<T>, encode: (item: T) => JsonText): JsonText {
  let out = "";
  for (const item of items) out += out === "" ? encode(item) : `,${encode(item)}`;
  return `[${out}]`;
}

/** Seconds since the epoch, the form of every legacy time. */
export function seconds(ms: number): JsonText {
  return double(ms / 1_000);
}
