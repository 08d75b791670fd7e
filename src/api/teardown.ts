/** The master's `POST /teardown`, a form with `frameworkId` (master/http.cpp). */
import type { Handler, MasterContext } from "./context.ts";
import { readBody } from "./request-body.ts";
import { methodNotAllowed, text } from "./respond.ts";

export function teardownHandler({ port }: MasterContext): Handler {
  return async (request) => {
    if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
    const body = await readBody(request);
    if (!body.ok) return body.error;
    const frameworkId = new URLSearchParams(new TextDecoder().decode(body.value)).get("frameworkId");
    if (frameworkId === null || frameworkId === "") {
      return text(400, "Missing 'frameworkId' query parameter in the request body");
    }
    const known = port.view().framework(frameworkId) !== undefined;
    if (!known) return text(400, "No framework found with specified ID");
    const answer = await port.teardown(frameworkId);
    return text(answer.status, answer.body);
  };
}
