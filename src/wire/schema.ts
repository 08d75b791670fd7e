/**
 * src/wire/ turns values into bytes and back: JSON of the v1 API, blobs,
 * msgpack, frames, RecordIO. It is synchronous, opens nothing, and decides
 * nothing about what the values mean; that is src/model/'s part.
 *
 *   schema/ ─ schema-parser ─┬─ json-encode, json-decode   HTTP bodies and events
 *                            ├─ blob ── msgpack            registry, checkpoints, links
 *                            └─ scripts/generate-model     src/model/v1/
 *
 * This file holds the one schema that all of them, and protobuf, work from.
 */
import { present } from "../base/assert.ts";
import { SCHEMA_SOURCES } from "./schema/sources.ts";
import { type EnumSchema, type MessageSchema, parseSchema, type Schema } from "./schema-parser.ts";

export const SCHEMA: Schema = parseSchema(SCHEMA_SOURCES);

/** The table of one message, by model name. */
export function messageSchema(name: string): MessageSchema {
  return present(SCHEMA.messages.get(name), `Schema: no message ${name}`);
}

/** The table of one enum, by model name. */
export function enumSchema(name: string): EnumSchema {
  return present(SCHEMA.enums.get(name), `Schema: no enum ${name}`);
}
