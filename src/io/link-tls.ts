/**
 * Mutual TLS on the links between masters and from agents: both sides show a
 * certificate that the cluster's own authority signed. Without it links are
 * plain TCP, for networks that are trusted. Whoever dials checks as well that the certificate names the
 * host that it dialled; who is dialled can tell masters from agents by a name that only masters' have.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Socket } from "bun";
import { MeshError } from "../base/errors.ts";

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** PEM texts. */
export interface LinkTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** What masters' certificates alone name. Left out: any certificate may be a master's. */
  readonly masterName?: string | undefined;
}

/** Throws MeshError BAD_FLAG that names the file and what is wrong with it. */
export async function readLinkTls(files: TlsFiles, nowMs: number): Promise<LinkTls> {
  const cert = await readPem("tls-cert", files.cert);
  const key = await readPem("tls-key", files.key);
  const ca = await readPem("tls-ca", files.ca);
  const own = certificate("tls-cert", files.cert, cert);
  const authority = certificate("tls-ca", files.ca, ca);
  if (Date.parse(own.validTo) < nowMs) {
    throw bad("tls-cert", files.cert, `the certificate ended on ${own.validTo}; make a new one`);
  }
  if (!authority.ca) throw bad("tls-ca", files.ca, "the certificate is not one of an authority");
  if (!matches(own, files.key, key)) {
    throw bad("tls-key", files.key, `the key is not that of the certificate '${files.cert}'`);
  }
  return { cert, key, ca };
}

/** Throws MeshError BAD_FLAG when a master's own certificate lacks the name that all masters' have. */
export function demandMasterName({ cert, masterName }: LinkTls, path: string): void {
  if (masterName === undefined || hasName(new X509Certificate(cert), masterName)) return;
  const reason = `the certificate does not name '${masterName}' in its subjectAltName; masters need that`;
  throw bad("tls-cert", path, `${reason} with --tls-master-name`);
}

/** Why the other side of a link is no master, or null. */
export function noMasterReason(socket: Socket<unknown>, tls: LinkTls | undefined): string | null {
  const name = tls?.masterName;
  if (name === undefined || hasName(socket.getPeerX509Certificate(), name)) return null;
  return `its certificate does not name "${name}", as a master's does with --tls-master-name`;
}

/** No wildcard stands for it: an agent may have one. */
function hasName(certificate: X509Certificate, name: string): boolean {
  return certificate.checkHost(name, { subject: "never", wildcards: false }) !== undefined;
}

/** What Bun takes for either side. */
export function tlsOptions({ cert, key, ca }: LinkTls) {
  return { cert, key, ca, requestCert: true, rejectUnauthorized: true };
}

/** A failed handshake in words that name the way out. */
export function handshakeError(error: Error | null | undefined): string {
  const text = error?.message ?? "the connection broke";
  if (text.includes("WRONG_VERSION_NUMBER")) {
    return "the other side does not speak TLS; give it --tls-cert, --tls-key and --tls-ca too";
  }
  if (text.includes("DID_NOT_RETURN_A_CERTIFICATE") || text.includes("CERTIFICATE_REQUIRED")) {
    return "the other side shows no certificate; give it --tls-cert, --tls-key and --tls-ca";
  }
  return `the TLS handshake failed: ${text}; both sides need certificates of the same --tls-ca`;
}

/** True for bytes that begin a TLS handshake or alert: as a frame's length they would be far too long. */
export function looksLikeTls(bytes: Uint8Array): boolean {
  return (bytes[0] === 0x16 || bytes[0] === 0x15) && bytes[1] === 3;
}

export const SPEAKS_TLS =
  "the other side speaks TLS and this one does not; give this one --tls-cert, --tls-key and --tls-ca too";

async function readPem(flag: string, path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw bad(flag, path, error instanceof Error ? error.message : String(error));
  });
  if (!text.includes("-----BEGIN ")) throw bad(flag, path, "it is no PEM file");
  return text;
}

function certificate(flag: string, path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw bad(
      flag,
      path,
      `it holds no certificate (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

function matches(own: X509Certificate, path: string, key: string): boolean {
  try {
    return own.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw bad(
      "tls-key",
      path,
      `it holds no private key (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

function bad(flag: string, path: string, reason: string): MeshError {
  return new MeshError("BAD_FLAG", `Flag --${flag} has the value '${path}': ${reason}`);
}
