/**
 * What executors prove with who they are: JSON Web Tokens signed by HS256
 * (RFC 7515, RFC 7519), as Mesos makes and checks them
 * (authentication/executor/jwt_secret_generator.cpp, libprocess
 * jwt_authenticator.cpp). One is for a single run of an executor, and is good
 * as long as that; it says when it ends only if somebody else made it.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { ExecutorClaims } from "../agent/port.ts";
import { fail, ok, type Result } from "../base/result.ts";

const ALGORITHM = "HS256";
const MS = 1_000;

type Claims = Readonly<Record<string, string>>;

export class ExecutorTokens {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  issue({ fid, eid, cid }: ExecutorClaims): string {
    const [head, claims] = [
      { alg: ALGORITHM, typ: "JWT" },
      { fid, eid, cid },
    ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
    return `${head}.${claims}.${this.#sign(`${head}.${claims}`).toString("base64url")}`;
  }

  /** Its claims as texts, if it is one of those made with this key; the error is for whoever sent it. */
  check(token: string, nowMs: number): Result<Claims> {
    const parts = token.split(".");
    const [head = "", payload = "", signature = ""] = parts;
    if (parts.length !== 3) return fail(`Expected 3 components in token, got ${parts.length}`);
    const header = parsed(head);
    if (header === undefined) return fail("Failed to parse token header");
    if (header["alg"] !== ALGORITHM) return fail(`The token is not signed by ${ALGORITHM}`);
    // The signature comes before what it is of: nothing is said of a forged one's content.
    const [given, own] = [Buffer.from(signature, "base64url"), this.#sign(`${head}.${payload}`)];
    if (given.length !== own.length || !timingSafeEqual(given, own))
      return fail("Token signature does not match");
    const claims = parsed(payload);
    if (claims === undefined) return fail("Failed to parse token payload");
    const { exp: end } = claims;
    if (end !== undefined && (typeof end !== "number" || end * MS <= nowMs)) return fail("Token has expired");
    const texts = Object.entries(claims).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    return texts.length === 0 ? fail("JWT claims missing") : ok(Object.fromEntries(texts) as Claims);
  }

  #sign(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }
}

function parsed(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
