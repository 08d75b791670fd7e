/** `--domain` of masters and agents: the machine's fault domain (AGT-19; Mesos: docs/fault-domains.md). */
import type { DomainInfo } from "../model/v1/ids.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag } from "./flags.ts";

const EXPECTED = `JSON like {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "rack1"}}}`;

/** The value is the text itself or `file:///path`. Throws MeshError BAD_FLAG. */
export function domainOf(value: string | undefined): DomainInfo | undefined {
  const text = textOrFile("domain", value);
  if (text === undefined) return undefined;
  const domain = decodeJsonValue("DomainInfo", withNames(parse(text)));
  if (domain.ok && domain.value.fault_domain !== undefined) return domain.value;
  throw badFlag("domain", text, domain.ok ? EXPECTED : `${EXPECTED}: ${domain.error.message}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw badFlag("domain", text, EXPECTED);
  }
}

/** Mesos' documents write `"region": "eu"` where its protobuf wants `{"name": "eu"}`: both are taken. */
function withNames(value: unknown): unknown {
  if (!isObject(value) || !isObject(value["fault_domain"])) return value;
  const { region, zone, ...rest } = value["fault_domain"];
  const named = (part: unknown): unknown => (typeof part === "string" ? { name: part } : part);
  return { ...value, fault_domain: { ...rest, region: named(region), zone: named(zone) } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
