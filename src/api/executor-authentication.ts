/** Who may call the executor API where that is not everybody (Mesos --authenticate_http_executors). */
import type { ExecutorClaims } from "../agent/port.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { AgentContext } from "./context.ts";
import { text } from "./respond.ts";

const REALM = "mesos-agent-executor";
/** What a token claims. */
export type Claims = Readonly<Record<string, string>>;

/**
 * The claims of who calls; undefined: nobody needs to have any.
 * The error is the answer (RFC 6750, section 3).
 */
export function authenticate(
  request: Request,
  { checkExecutorToken, clock }: Pick<AgentContext, "checkExecutorToken" | "clock">,
): Result<Claims | undefined, Response> {
  if (checkExecutorToken === undefined) return ok(undefined);
  const header = request.headers.get("Authorization");
  if (header === null) return fail(unauthorized());
  const [scheme = "", token, ...more] = header.split(" ");
  if (token === undefined || more.length > 0) return fail(unauthorized("Malformed 'Authorization' header"));
  if (scheme !== "Bearer") return fail(unauthorized("Only the scheme 'Bearer' is supported"));
  const claims = checkExecutorToken(token, clock.wallMs());
  return claims.ok ? claims : fail(unauthorized(`Invalid JWT: ${claims.error}`));
}

function unauthorized(reason?: string): Response {
  const why = reason === undefined ? "" : `, error="invalid_token", error_description="${reason}"`;
  return text(401, "", { "WWW-Authenticate": `Bearer realm="${REALM}"${why}` });
}

/** Why it may not act for this run of an executor, or nothing (slave/http.cpp, verifyExecutorClaims). */
export function claimsProblem(claims: Claims, { fid, eid, cid }: ExecutorClaims): string | undefined {
  const who = "The token of this call does not";
  if (claims["fid"] !== fid)
    return `${who} contain an 'fid' claim with the framework ID '${fid}' of the call`;
  if (claims["eid"] !== eid) return `${who} contain an 'eid' claim with the executor ID '${eid}' of the call`;
  if (claims["cid"] !== cid) return `${who} contain a 'cid' claim with the correct active ContainerID`;
  return undefined;
}
