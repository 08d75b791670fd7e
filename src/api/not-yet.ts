/** An endpoint whose feature is not built: a 501 that says so. */
import type { Handler } from "./context.ts";
import { methodNotAllowed, notImplemented } from "./respond.ts";
import { rawPath } from "./router.ts";

export function unbuiltPost(): Handler {
  return (request) => {
    if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
    return notImplemented(`POST ${rawPath(request)}`);
  };
}
