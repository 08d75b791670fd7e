/** First frames of a link: the dialling side says hello, the listening side welcomes or refuses it. */
import { fail, ok, type Result } from "../base/result.ts";
import { decodeMsgpack, encodeMsgpack } from "../wire/msgpack.ts";

/** Version of the frames between masters and between master and agent. */
export const LINK_VERSION = 1;

export interface Hello {
  readonly kind: "peer" | "agent" | "client";
  /** Name of the cluster; an agent or a client that does not know it yet leaves it empty. */
  readonly cluster: string;
  /** Raft address of a peer, name of an agent or a client. */
  readonly from: string;
  readonly version: number;
}

export type HelloAnswer =
  | { readonly kind: "welcome"; readonly cluster: string }
  | { readonly kind: "refused"; readonly reason: string };

export function encodeHello(hello: Hello): Uint8Array {
  const { kind, cluster, from, version } = hello;
  return encodeMsgpack({ kind, cluster, from, version });
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
  return ok({ kind, cluster, from, version });
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
  return encodeMsgpack(
    answer.kind === "welcome"
      ? { kind: answer.kind, cluster: answer.cluster }
      : { kind: answer.kind, reason: answer.reason },
  );
}

export function decodeAnswer(bytes: Uint8Array): Result<HelloAnswer> {
  const value = fieldsOf(bytes);
  const kind = value?.["kind"];
  const cluster = value?.["cluster"];
  const reason = value?.["reason"];
  if (kind === "welcome" && typeof cluster === "string") return ok({ kind, cluster });
  if (kind === "refused" && typeof reason === "string") return ok({ kind, reason });
  return fail("the answer to the hello is none of mesh");
}

function fieldsOf(bytes: Uint8Array): Record<string, unknown> | null {
  const value = decodeMsgpack(bytes);
  if (!value.ok || typeof value.value !== "object" || value.value === null) return null;
  return value.value as Record<string, unknown>;
}
