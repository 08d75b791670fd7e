/**
 * The text of `--resources`: `cpus:4;mem:1024;ports:[31000-32000];disk(role):5;set:{a,b}`
 * or a JSON array of Resource (Mesos common/resources.cpp).
 */
import { fail, ok, type Result } from "../base/result.ts";
import { Resources } from "./resources.ts";
import { ANY_ROLE } from "./roles.ts";
import type { Resource } from "./v1/resources.ts";
import { parseValue } from "./value-text.ts";

export interface ResourcesTextOptions {
  /** Role of resources that name none, reserved statically unless it is `*` (the default). */
  readonly defaultRole?: string;
  /**
   * Reads one element of a JSON array. The JSON codec belongs to src/wire/, which this
   * folder does not know: pass `(value) => decodeJsonValue("Resource", value)`.
   */
  readonly decode: (value: unknown) => Result<Resource, { readonly message: string }>;
}

/** Reads and checks resources; the error is a whole line for the user. */
export function parseResources(text: string, options: ResourcesTextOptions): Result<Resources> {
  const list = text.trim().startsWith("[") ? parseArray(text, options) : parseSimple(text, options);
  if (!list.ok) return fail(`Cannot read resources '${text}': ${list.error}`);
  const kinds = new Map<string, string>();
  for (const { name, type } of list.value) {
    const before = kinds.get(name);
    if (before !== undefined && before !== type) {
      return fail(
        `Cannot read resources '${text}': '${name}' is given as ${before} and as ${type}; use one type`,
      );
    }
    kinds.set(name, type);
  }
  const resources = Resources.from(list.value);
  return resources.ok ? resources : fail(`Cannot read resources '${text}': ${resources.error}`);
}

function parseArray(text: string, { defaultRole, decode }: ResourcesTextOptions): Result<Resource[]> {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    return fail('it is no valid JSON array; write [{"name":"cpus","type":"SCALAR","scalar":{"value":4}}]');
  }
  const resources: Resource[] = [];
  for (const value of values as unknown[]) {
    const resource = decode(value);
    if (!resource.ok) return fail(resource.error.message);
    resources.push(withRole(resource.value, defaultRole));
  }
  return ok(resources);
}

function withRole(resource: Resource, role: string | undefined): Resource {
  if (role === undefined || resource.role !== undefined || resource.reservations) return resource;
  return { ...resource, role };
}

function parseSimple(text: string, { defaultRole = ANY_ROLE }: ResourcesTextOptions): Result<Resource[]> {
  const resources: Resource[] = [];
  for (const part of text.split(";")) {
    if (part.trim() === "") continue;
    const match = /^\s*([^:()\s]+)\s*(?:\(([^()]*)\))?\s*:(.+)$/s.exec(part);
    if (!match) return fail(`'${part.trim()}' is not name:value or name(role):value, separated by ';'`);
    const [, name = "", role = defaultRole, valueText = ""] = match;
    const value = parseValue(valueText);
    if (!value.ok) return fail(`the value of '${name}' cannot be used: ${value.error}`);
    const { type, scalar, ranges, set } = value.value;
    if (type === "TEXT")
      return fail(`the value '${valueText.trim()}' of '${name}' is no number, [ranges] or {set}`);
    const content = { ...(scalar && { scalar }), ...(ranges && { ranges }), ...(set && { set }) };
    resources.push({ name, type, ...content, role: role.trim() });
  }
  return ok(resources);
}
