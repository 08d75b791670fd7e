/**
 * Operators' reservations and volumes: the calls RESERVE_RESOURCES to
 * SHRINK_VOLUME (mesos-wire.md section 6.1) and the older forms /reserve,
 * /unreserve, /create-volumes and /destroy-volumes (7.1; master/http.cpp).
 */
import { assert } from "../base/assert.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { ClusterView } from "../master/port.ts";
import type { MasterCall } from "../model/v1/master.ts";
import type { MasterResponseGetOperations } from "../model/v1/master-responses.ts";
import type { OfferOperation } from "../model/v1/offers.ts";
import type { Resource } from "../model/v1/resources.ts";
import { checkId } from "../model/validate-ids.ts";
import type { Handler, MasterContext } from "./context.ts";
import { decodeItems, parseJson } from "./operator-json.ts";
import { readBody } from "./request-body.ts";
import { methodNotAllowed, text } from "./respond.ts";

const ID_HEADER = "Mesh-Operation-Id";

interface Wish {
  readonly agentId: string | undefined;
  readonly operation: OfferOperation;
}

/** The call's body is there. */
export async function operateCall(
  { port }: MasterContext,
  call: MasterCall,
  request: Request,
): Promise<Response> {
  const { agentId, operation } = wishOf(call);
  if (agentId === undefined) return text(400, `Failed to do ${call.type}: 'agent_id' must be set`);
  const named = withId(operation, request);
  if (!named.ok) return text(400, named.error);
  const answer = await port.operate(agentId, named.value);
  return text(answer.status, answer.body);
}

/** An operator may name what it asks for, to ask again without fear that it is done twice. */
function withId(operation: OfferOperation, { headers }: Request): Result<OfferOperation> {
  const value = headers.get(ID_HEADER);
  if (value === null) return ok(operation);
  const error = checkId(value);
  if (error !== undefined)
    return fail(`The header '${ID_HEADER}: ${value.slice(0, 300)}' is no id: ${error}`);
  return ok({ ...operation, id: { value } });
}

function wishOf(call: MasterCall): Wish {
  switch (call.type) {
    case "RESERVE_RESOURCES": {
      assert(call.reserve_resources, "validated");
      const { agent_id, source = [], resources = [] } = call.reserve_resources;
      return { agentId: agent_id.value, operation: { type: "RESERVE", reserve: { source, resources } } };
    }
    case "UNRESERVE_RESOURCES": {
      assert(call.unreserve_resources, "validated");
      const { agent_id, resources = [] } = call.unreserve_resources;
      return { agentId: agent_id.value, operation: { type: "UNRESERVE", unreserve: { resources } } };
    }
    case "CREATE_VOLUMES": {
      assert(call.create_volumes, "validated");
      const { agent_id, volumes = [] } = call.create_volumes;
      return { agentId: agent_id.value, operation: { type: "CREATE", create: { volumes } } };
    }
    case "DESTROY_VOLUMES": {
      assert(call.destroy_volumes, "validated");
      const { agent_id, volumes = [] } = call.destroy_volumes;
      return { agentId: agent_id.value, operation: { type: "DESTROY", destroy: { volumes } } };
    }
    case "GROW_VOLUME": {
      assert(call.grow_volume, "validated");
      const { agent_id, volume, addition } = call.grow_volume;
      const operation: OfferOperation = { type: "GROW_VOLUME", grow_volume: { volume, addition } };
      return { agentId: agent_id?.value, operation };
    }
    default: {
      assert(call.shrink_volume, "validated");
      const { agent_id, volume, subtract } = call.shrink_volume;
      const operation: OfferOperation = { type: "SHRINK_VOLUME", shrink_volume: { volume, subtract } };
      return { agentId: agent_id?.value, operation };
    }
  }
}

type FormType = "RESERVE" | "UNRESERVE" | "CREATE" | "DESTROY";

/** A form with `slaveId`, and `resources` or `volumes` as a JSON array. */
export function operateHandler({ port }: MasterContext, type: FormType): Handler {
  return async (request) => {
    if (request.method !== "POST") return methodNotAllowed(["POST"], request.method);
    const body = await readBody(request);
    if (!body.ok) return body.error;
    const form = new URLSearchParams(new TextDecoder().decode(body.value));
    const agentId = form.get("slaveId");
    if (agentId === null) return text(400, "Missing 'slaveId' query parameter in the request body");
    const operation = formOperation(type, form);
    if (!operation.ok) return text(400, operation.error);
    const named = withId(operation.value, request);
    if (!named.ok) return text(400, named.error);
    const answer = await port.operate(agentId, named.value);
    return text(answer.status, answer.body);
  };
}

function formOperation(type: FormType, form: URLSearchParams): Result<OfferOperation> {
  const name = type === "RESERVE" || type === "UNRESERVE" ? "resources" : "volumes";
  const list = formResources(form, name);
  if (!list.ok) return list;
  switch (type) {
    case "RESERVE": {
      const source = form.has("source") ? formResources(form, "source") : ok<Resource[]>([]);
      if (!source.ok) return source;
      return ok({ type, reserve: { source: source.value, resources: list.value } });
    }
    case "UNRESERVE":
      return ok({ type, unreserve: { resources: list.value } });
    case "CREATE":
      return ok({ type, create: { volumes: list.value } });
    case "DESTROY":
      return ok({ type, destroy: { volumes: list.value } });
  }
}

function formResources(form: URLSearchParams, name: string): Result<Resource[]> {
  const value = form.get(name);
  if (value === null) return fail(`Missing '${name}' query parameter in the request body`);
  const parsed = parseJson(value);
  if (!Array.isArray(parsed)) {
    return fail(`Error in parsing '${name}' query parameter in the request body: it must be a JSON array`);
  }
  const resources = decodeItems("Resource", parsed);
  return resources.ok ? resources : fail(`Error in parsing '${name}' query parameter: ${resources.error}`);
}

export function operationsMessage(view: ClusterView): MasterResponseGetOperations {
  const operations = [...view.operations()].map(({ frameworkId, agentId, info, status, uuid }) => ({
    framework_id: { value: frameworkId },
    agent_id: { value: agentId },
    info,
    latest_status: status,
    statuses: [status],
    uuid: { value: uuid },
  }));
  return operations.length === 0 ? {} : { operations };
}
