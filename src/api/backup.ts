/** `GET /mesh/raft/backup`: the registry of this master as one consistent stream, leader or not. */
import type { Handler, MasterContext } from "./context.ts";
import { methodNotAllowed, text } from "./respond.ts";

export function backupHandler({ port, backup }: MasterContext): Handler {
  return async (request) => {
    if (request.method !== "GET") return methodNotAllowed(["GET"], request.method);
    const { damage, digest, appliedIndex } = port.raftStatus();
    if (backup === undefined) return text(404, "This master keeps nothing on disk to back up");
    if (damage !== undefined || digest?.diverged === true) {
      return text(503, "Failed to back up: the registry of this master is in doubt; ask another master");
    }
    // A backup of nothing would take the place of a good one.
    if (appliedIndex === 0)
      return text(503, "Failed to back up: this master holds no registry yet; ask another master");
    const body = await backup();
    return new Response(body, { headers: { "Content-Type": "application/octet-stream" } });
  };
}
