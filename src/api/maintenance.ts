/**
 * Operators' calls about maintenance (mesos-wire.md 6.1), and the older
 * endpoints /maintenance/schedule, /maintenance/status, /machine/down and
 * /machine/up (7.1; master/http.cpp).
 */
import { assert } from "../base/assert.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { MachineChange, MasterPort } from "../master/port.ts";
import type { MasterCall } from "../model/v1/master.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";
import { encodeJson } from "../wire/json-encode.ts";
import type { Handler, MasterContext } from "./context.ts";
import { decodeItems, parseJson } from "./operator-json.ts";
import { readBody } from "./request-body.ts";
import { legacyJson, methodNotAllowed, text } from "./respond.ts";
import { requestUrl } from "./router.ts";

/** The call's body is there. */
export async function maintenanceCall({ port }: MasterContext, call: MasterCall): Promise<Response> {
  const answer = await port.change(changeOf(call));
  return text(answer.status, answer.body);
}

function changeOf(call: MasterCall): MachineChange {
  switch (call.type) {
    case "UPDATE_MAINTENANCE_SCHEDULE":
      assert(call.update_maintenance_schedule, "validated");
      return { kind: "schedule", schedule: call.update_maintenance_schedule.schedule };
    case "START_MAINTENANCE":
      return { kind: "machines-down", machines: call.start_maintenance?.machines ?? [] };
    default:
      return { kind: "machines-up", machines: call.stop_maintenance?.machines ?? [] };
  }
}

/** GET shows it, POST replaces it. */
export function scheduleHandler({ port }: MasterContext): Handler {
  return async (request) => {
    if (request.method === "GET") {
      return legacyJson(request, requestUrl(request), encodeJson("Schedule", port.view().schedule()));
    }
    if (request.method !== "POST") return methodNotAllowed(["GET", "POST"], request.method);
    return change(port, request, (value) => {
      const schedule = decodeJsonValue("Schedule", value);
      if (!schedule.ok) return fail(schedule.error.message);
      return ok({ kind: "schedule", schedule: schedule.value });
    });
  };
}

export function maintenanceStatusHandler({ port }: MasterContext): Handler {
  return (request) => {
    if (request.method !== "GET") return methodNotAllowed(["GET"], request.method);
    const status = port.view().maintenanceStatus();
    return legacyJson(request, requestUrl(request), encodeJson("ClusterStatus", status));
  };
}

/** A JSON array of machines. */
export function machinesHandler(
  { port }: MasterContext,
  kind: Exclude<MachineChange["kind"], "schedule">,
): Handler {
  return async (request) => {
    if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
    return change(port, request, (value) => {
      if (!Array.isArray(value)) return fail("it must be a JSON array of machines");
      const machines = decodeItems("MachineID", value);
      return machines.ok ? ok({ kind, machines: machines.value }) : machines;
    });
  };
}

async function change(
  port: MasterPort,
  request: Request,
  read: (value: unknown) => Result<MachineChange>,
): Promise<Response> {
  const body = await readBody(request);
  if (!body.ok) return body.error;
  const parsed = parseJson(new TextDecoder().decode(body.value));
  const wanted = parsed === undefined ? fail("it is not JSON") : read(parsed);
  if (!wanted.ok) return text(400, `Failed to read the body of the request: ${wanted.error}`);
  const answer = await port.change(wanted.value);
  return text(answer.status, answer.body);
}
