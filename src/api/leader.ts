/** Leadership as HTTP answers (mesos-wire.md section 1, "Leader redirect"). */
import type { MasterAddress, MasterPort } from "../master/port.ts";
import type { Handler } from "./context.ts";
import { text } from "./respond.ts";
import { rawPath, requestTarget, requestUrl } from "./router.ts";

/** Lets only the leader answer: 307 to it, or 503 while there is none. */
export function leaderOnly(port: MasterPort, handler: Handler): Handler {
  return (request) => refuseFollower(port, request) ?? handler(request);
}

/**
 * A read: by the leader, or with `?consistency=` by whichever master is asked.
 * - `stale`: what this master has applied; never older than what it showed before.
 * - `linear`: once it is proved to show everything committed before the request.
 */
export function consistentRead(port: MasterPort, handler: Handler): Handler {
  const byLeader = leaderOnly(port, handler);
  return async (request) => {
    const consistency = requestUrl(request).searchParams.get("consistency");
    if (consistency === null) return byLeader(request);
    if (consistency === "stale") return handler(request);
    if (consistency !== "linear") {
      return text(400, `Failed to read consistency '${consistency}': expecting 'stale' or 'linear'`);
    }
    const proof = await port.readIndex();
    return proof.status === 200 ? handler(request) : text(proof.status, proof.body);
  };
}

/** The 307 or 503 of a master that does not lead. */
export function refuseFollower(port: MasterPort, request: Request): Response | undefined {
  const leadership = port.leadership();
  if (leadership.kind === "leading") return undefined;
  if (leadership.kind === "unknown") return text(503, "No leader elected");
  return redirect(leadership.leader, requestTarget(request));
}

/** 503 while the leader has not applied its log; checked by the v1 endpoints only. */
export function refuseUnrecovered(port: MasterPort): Response | undefined {
  const leadership = port.leadership();
  if (leadership.kind !== "leading" || leadership.recovered) return undefined;
  return text(503, "Master has not finished recovery");
}

/** `/redirect`: always to the root of the leader, also when that is this master. */
export function redirectHandler(port: MasterPort): Handler {
  return (request) => {
    // Longest-prefix matching brings `/redirect/...` here, too: following it would go on for ever.
    if (!/^(?:\/master)?\/redirect\/?$/.test(rawPath(request))) return text(404, "404 Not Found.");
    const leader = leaderAddress(port);
    return leader === undefined ? text(503, "No leader elected") : redirect(leader, "");
  };
}

/** The leader this master knows; itself when it leads. */
export function leaderAddress(port: MasterPort): MasterAddress | undefined {
  const leadership = port.leadership();
  if (leadership.kind === "leading") return port.address;
  return leadership.kind === "following" ? leadership.leader : undefined;
}

function redirect(leader: MasterAddress, pathAndQuery: string): Response {
  return text(307, "", { Location: `//${leader.hostname}:${leader.port}${pathAndQuery}` });
}
