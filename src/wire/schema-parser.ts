/**
 * Reads the compact notation of src/wire/schema/*.ts into typed tables. One
 * statement a line, continued on lines that start with a space:
 *
 *   Name: 1! required_field string, 2* repeated_field Other, 3 optional_field double=0.0 (dep),
 *     4^ oneof_member bool, 5 map_field map<string,Value.Scalar>
 *   enum Name.Kind: UNKNOWN=0, FIRST=1
 *
 * The number before a field is its protobuf number. A type name resolves as in
 * protobuf: innermost enclosing scope first, then outwards.
 */
import { assert, present } from "../base/assert.ts";

/** One block of notation: the messages of one protobuf package in one generated file. */
export interface SchemaSource {
  /** Generated file below src/model/v1/, without extension. */
  readonly file: string;
  /** Protobuf package, for example `mesos.v1.scheduler`. */
  readonly package: string;
  readonly text: string;
}

const SCALARS = ["string", "bytes", "bool", "double", "int32", "uint32", "int64", "uint64"] as const;
export type ScalarType = (typeof SCALARS)[number];

export type FieldType =
  | { readonly kind: "scalar"; readonly name: ScalarType }
  | { readonly kind: "enum"; readonly name: string }
  | { readonly kind: "message"; readonly name: string };

/** `map` fields have string keys; their `type` is that of the values. */
export type FieldLabel = "required" | "optional" | "repeated" | "map";

export interface FieldSchema {
  readonly name: string;
  /** Protobuf field number; never changes its meaning. */
  readonly number: number;
  readonly label: FieldLabel;
  readonly type: FieldType;
  /** Declared default; enum defaults are the value's name. */
  readonly default?: string | number | boolean;
  readonly deprecated: boolean;
  /** True for a member of the message's oneof (no message has two). */
  readonly oneof: boolean;
}

export interface MessageSchema {
  /** Name in the model, for example `SchedulerCallAccept`. */
  readonly name: string;
  /** Protobuf name, for example `mesos.v1.scheduler.Call.Accept`. */
  readonly fullName: string;
  readonly file: string;
  /** In declaration order, which is the order of JSON output. */
  readonly fields: readonly FieldSchema[];
}

export interface EnumSchema {
  readonly name: string;
  readonly fullName: string;
  readonly file: string;
  readonly values: ReadonlyMap<string, number>;
}

/** Both tables are keyed by model name. */
export interface Schema {
  readonly messages: ReadonlyMap<string, MessageSchema>;
  readonly enums: ReadonlyMap<string, EnumSchema>;
}

interface Statement {
  readonly file: string;
  readonly fullName: string;
  readonly name: string;
  readonly isEnum: boolean;
  readonly body: string;
}

/** Top names that several packages share; their model names carry the package's. */
const SHARED_NAMES = new Set(["Call", "Event", "Response", "Duration"]);

/** Parses all sources together. Throws on any mistake: the text is part of the program. */
export function parseSchema(sources: readonly SchemaSource[]): Schema {
  const statements = sources.flatMap(statementsOf);
  const byFullName = new Map<string, Statement>();
  const names = new Set<string>();
  for (const statement of statements) {
    assert(!names.has(statement.name), `Schema: two types are called ${statement.name}`);
    names.add(statement.name);
    byFullName.set(statement.fullName, statement);
  }
  const messages = new Map<string, MessageSchema>();
  const enums = new Map<string, EnumSchema>();
  for (const { name, fullName, file, isEnum, body } of statements) {
    if (isEnum) enums.set(name, { name, fullName, file, values: enumValues(fullName, body) });
    else messages.set(name, { name, fullName, file, fields: messageFields(fullName, body, byFullName) });
  }
  return { messages, enums };
}

function statementsOf(source: SchemaSource): Statement[] {
  const lines = source.text.trim().replace(/\n +/g, " ").split("\n");
  return lines.map((line) => {
    const match = /^(enum )?([\w.]+): (.+)$/.exec(line);
    assert(match, `Schema: cannot read ${line}`);
    const path = present(match[2], line);
    return {
      file: source.file,
      fullName: `${source.package}.${path}`,
      name: modelName(source.package, path),
      isEnum: match[1] !== undefined,
      body: present(match[3], line),
    };
  });
}

function modelName(packageName: string, path: string): string {
  const flat = path.replaceAll(".", "");
  if (!SHARED_NAMES.has(present(path.split(".")[0], path))) return flat;
  const last = packageName.slice(packageName.lastIndexOf(".") + 1);
  return last.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()) + flat;
}

function enumValues(fullName: string, body: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const part of body.split(", ")) {
    const match = /^(\w+)=(\d+)$/.exec(part);
    assert(match?.[1] && match[2], `Schema: cannot read ${part} of enum ${fullName}`);
    values.set(match[1], Number(match[2]));
  }
  return values;
}

function messageFields(fullName: string, body: string, known: Map<string, Statement>): FieldSchema[] {
  if (body === "(empty)") return [];
  const fields = body.split(", ").map((part) => fieldOf(fullName, part, known));
  const numbers = new Set(fields.map((field) => field.number));
  assert(numbers.size === fields.length, `Schema: ${fullName} uses a field number twice`);
  return fields;
}

const FIELD = /^(\d+)([!*^]?) (\w+) (?:(map)<string,([\w.]+)>|([\w.]+))(?:=(\S+))?( \(dep\))?$/;

function fieldOf(fullName: string, part: string, known: Map<string, Statement>): FieldSchema {
  const match = FIELD.exec(part);
  assert(match, `Schema: cannot read "${part}" of ${fullName}`);
  const [, number, mark, name, map, mapType, plainType, declared, dep] = match;
  const type = resolve(fullName, present(mapType ?? plainType, part), known);
  return {
    name: present(name, part),
    number: Number(number),
    label: map ? "map" : mark === "!" ? "required" : mark === "*" ? "repeated" : "optional",
    type,
    ...(declared === undefined ? {} : { default: defaultOf(type, declared) }),
    deprecated: dep !== undefined,
    oneof: mark === "^",
  };
}

function resolve(fullName: string, typeName: string, known: Map<string, Statement>): FieldType {
  const scalar = SCALARS.find((candidate) => candidate === typeName);
  if (scalar) return { kind: "scalar", name: scalar };
  for (let scope = fullName; ; scope = scope.slice(0, Math.max(0, scope.lastIndexOf(".")))) {
    const found = known.get(scope === "" ? typeName : `${scope}.${typeName}`);
    if (found) return { kind: found.isEnum ? "enum" : "message", name: found.name };
    assert(scope !== "", `Schema: ${fullName} refers to the unknown type ${typeName}`);
  }
}

function defaultOf(type: FieldType, text: string): string | number | boolean {
  if (type.kind === "enum") return text;
  assert(type.kind === "scalar", `Schema: a message has no default, got ${text}`);
  if (type.name === "bool") return text === "true";
  if (type.name === "string") return text.slice(1, -1);
  return Number(text);
}
