/** First frames of a link: the dialling side says hello, the listening side welcomes or refuses it. */
import { fail, ok, type Result } from "../base/result.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/msgpack.ts";

/** Version of the frames between masters and between master and agent. */
export const LINK_VERSION = 1;

export interface Hello {
  readonly kind: "peer" | "agent" | "client";
  /** Name of the cluster; an agent or a client that does not know it yet leaves it empty. */
  readonly cluster: string;
  /** Member id of a peer, name of an agent or a client. */
  readonly from: string;
  readonly version: number;
  /** Member id that a peer takes the other side for. */
  readonly to?: string;
  /** Where a peer can be dialled, for answers. */
  readonly address?: string;
  /** --peers of a master that wants to open a cluster with the other side. */
  readonly peers?: readonly string[];
}

/** What a master tells another one about itself. */
export interface MemberFacts {
  readonly id: string;
  /** It knows of no cluster yet. */
  readonly blank: boolean;
}

/**
 * - `removed`: the id in `from` was removed from the cluster.
 * - `wrong-member`: the address belongs to another member than `to`.
 */
export type RefusalCode = "removed" | "wrong-member" | "other";

export type HelloAnswer =
  | { readonly kind: "welcome"; readonly cluster: string; readonly member?: MemberFacts }
  | { readonly kind: "refused"; readonly reason: string; readonly code: RefusalCode };

export function encodeHello(hello: Hello): Uint8Array {
  const { kind, cluster, from, version, to, address, peers } = hello;
  return encodeMsgpack({
    ...{ kind, cluster, from, version },
    ...(to === undefined ? {} : { to }),
    ...(address === undefined ? {} : { address }),
    ...(peers === undefined ? {} : { peers }),
  });
}

export function decodeHello(bytes: Uint8Array): Result<Hello> {
  const value = fieldsOf(bytes);
  const kind = value?.["kind"];
  const cluster = value?.["cluster"];
  const from = value?.["from"];
  const version = value?.["version"];
  if (kind !== "peer" && kind !== "agent" && kind !== "client")
    return fail("the first frame is no hello of mesh");
  if (typeof cluster !== "string" || typeof from !== "string" || typeof version !== "number") {
    return fail("the hello lacks a field");
  }
  const to = value?.["to"];
  const address = value?.["address"];
  const peers = value?.["peers"];
  return ok({
    ...{ kind, cluster, from, version },
    ...(typeof to === "string" ? { to } : {}),
    ...(typeof address === "string" ? { address } : {}),
    ...(Array.isArray(peers) ? { peers: peers.map(String) } : {}),
  });
}

/** Why a hello cannot be accepted, or null. */
export function helloRefusal(hello: Hello, cluster: string): string | null {
  if (hello.version !== LINK_VERSION) {
    return `link version ${hello.version} is not ${LINK_VERSION}; run the same version of mesh on both machines`;
  }
  const anonymous = hello.kind !== "peer" && hello.cluster === "";
  if (hello.cluster !== cluster && !anonymous) {
    return `cluster "${hello.cluster}" is not "${cluster}"; check the addresses given to both sides`;
  }
  return null;
}

export function encodeAnswer(answer: HelloAnswer): Uint8Array {
  if (answer.kind === "refused") {
    return encodeMsgpack({ kind: answer.kind, reason: answer.reason, code: answer.code });
  }
  const { kind, cluster, member } = answer;
  return encodeMsgpack({ kind, cluster, ...(member === undefined ? {} : { member }) });
}

export function decodeAnswer(bytes: Uint8Array): Result<HelloAnswer> {
  const value = fieldsOf(bytes);
  const kind = value?.["kind"];
  const cluster = value?.["cluster"];
  const reason = value?.["reason"];
  if (kind === "welcome" && typeof cluster === "string") {
    const member = memberFacts(value?.["member"]);
    return ok({ kind, cluster, ...(member === undefined ? {} : { member }) });
  }
  if (kind === "refused" && typeof reason === "string") {
    return ok({ kind, reason, code: refusalCode(value?.["code"]) });
  }
  return fail("the answer to the hello is none of mesh");
}

function memberFacts(value: unknown): MemberFacts | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { id, blank } = value as Record<string, unknown>;
  return typeof id === "string" && typeof blank === "boolean" ? { id, blank } : undefined;
}

function refusalCode(value: unknown): RefusalCode {
  return value === "removed" || value === "wrong-member" ? value : "other";
}

function fieldsOf(bytes: Uint8Array): Record<string, unknown> | null {
  const value = decodeMsgpack(bytes);
  if (!value.ok || typeof value.value !== "object" || value.value === null) return null;
  return value.value as Record<string, unknown>;
}
