/**
 * Messages between masters as values for msgpack. Those of raft are compact
 * arrays (src/raft/message-codec.ts), the few others objects; all are checked
 * when they come in, since another version, or no master at all, may have sent them.
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { PeerMessage } from "../master/node.ts";
import type { MasterAddress } from "../master/port.ts";
import type { DomainInfo } from "../model/v1/ids.ts";
import { decodeRaftMessage, encodeRaftMessage } from "../raft/message-codec.ts";

export function encodePeerMessage(message: PeerMessage): unknown {
  switch (message.kind) {
    case "who-leads":
    case "leader-address":
    case "digest-ask":
    case "digest-is":
    case "digest-verdict":
      return message;
    default:
      return encodeRaftMessage(message);
  }
}

/** The error says what is wrong with it. */
export function decodePeerMessage(value: unknown): Result<PeerMessage> {
  if (Array.isArray(value)) return decodeRaftMessage(value);
  if (typeof value !== "object" || value === null) return fail("a message must be an array or an object");
  const fields = value as Fields;
  switch (fields["kind"]) {
    case "who-leads": {
      const term = count(fields["term"]);
      return term === undefined ? wrong("who-leads") : ok({ kind: "who-leads", term });
    }
    case "leader-address": {
      const term = count(fields["term"]);
      const address = masterAddress(fields["address"]);
      if (term === undefined || address === undefined) return wrong("leader-address");
      return ok({ kind: "leader-address", term, address });
    }
    case "digest-ask": {
      const place = digestPlace(fields);
      return place === undefined ? wrong("digest-ask") : ok({ kind: "digest-ask", ...place });
    }
    case "digest-is":
    case "digest-verdict": {
      const { kind, digest } = fields;
      const place = digestPlace(fields);
      if (place === undefined || typeof digest !== "string") return wrong(kind);
      return ok({ kind, ...place, digest });
    }
    default:
      return fail(`message kind ${JSON.stringify(fields["kind"])} is unknown`);
  }
}

type Fields = Readonly<Record<"kind" | "term" | "address" | "index" | "level" | "digest", unknown>>;

function wrong(kind: string): Result<never> {
  return fail(`message "${kind}" has a field of the wrong type`);
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function digestPlace(fields: Fields): { readonly index: number; readonly level: number } | undefined {
  const index = count(fields["index"]);
  const level = count(fields["level"]);
  return index === undefined || level === undefined ? undefined : { index, level };
}

function masterAddress(value: unknown): MasterAddress | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { id, hostname, ip, port, domain } = value as Record<keyof MasterAddress, unknown>;
  const portNumber = count(port);
  if (typeof id !== "string" || typeof hostname !== "string" || typeof ip !== "string") return undefined;
  if (portNumber === undefined) return undefined;
  return { id, hostname, ip, port: portNumber, ...(isDomain(domain) ? { domain } : {}) };
}

/** Only to be shown: of the wrong form it is left out. */
function isDomain(value: unknown): value is DomainInfo {
  const { fault_domain: parts } = (value ?? {}) as Partial<Record<keyof DomainInfo, unknown>>;
  const { region, zone } = (parts ?? {}) as Partial<
    Record<"region" | "zone", { readonly name?: unknown } | null>
  >;
  return typeof region?.name === "string" && typeof zone?.name === "string";
}
