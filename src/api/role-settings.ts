/**
 * Weights and quota: the calls UPDATE_WEIGHTS, UPDATE_QUOTA, SET_QUOTA and
 * REMOVE_QUOTA, and the older /weights and /quota (mesos-wire.md 6.1, 7.1).
 */
import { assert } from "../base/assert.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { CallAnswer, ClusterView, RoleChange } from "../master/port.ts";
import { quotaConfig, quotaInfo } from "../model/quota.ts";
import type { WeightInfo } from "../model/v1/frameworks.ts";
import type { MasterCall } from "../model/v1/master.ts";
import type { QuotaStatus } from "../model/v1/quota.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";
import { encodeJson } from "../wire/json-encode.ts";
import type { Handler, MasterContext } from "./context.ts";
import { double, list, object, quote } from "./json-text.ts";
import { decodeItems } from "./operator-json.ts";
import { readBody } from "./request-body.ts";
import { legacyJson, methodNotAllowed, text } from "./respond.ts";
import { rawPath, requestUrl } from "./router.ts";

export function weightsMessage(view: ClusterView): WeightInfo[] {
  return [...view.weights()].map(([role, weight]) => ({ role, weight }));
}

export function quotaMessage(view: ClusterView): QuotaStatus {
  const quotas = [...view.quotas()];
  return {
    infos: quotas.map(([role, quota]) => quotaInfo(role, quota)),
    configs: quotas.map(([role, quota]) => quotaConfig(role, quota)),
  };
}

/** The call's body is there. */
export async function roleCall({ port }: MasterContext, call: MasterCall): Promise<Response> {
  return answered(await port.change(changeOf(call)));
}

function changeOf(call: MasterCall): RoleChange {
  switch (call.type) {
    case "UPDATE_WEIGHTS":
      return { kind: "weights", weights: call.update_weights?.weight_infos ?? [] };
    case "UPDATE_QUOTA": {
      const { quota_configs = [], force = false } = call.update_quota ?? {};
      return { kind: "quota", configs: quota_configs, force };
    }
    case "SET_QUOTA":
      assert(call.set_quota, "validated");
      return { kind: "set-quota", request: call.set_quota.quota_request };
    default:
      assert(call.remove_quota, "validated");
      return { kind: "remove-quota", role: call.remove_quota.role };
  }
}

/** GET, and PUT of a list of weights. */
export function weightsHandler({ port }: MasterContext): Handler {
  return async (request) => {
    if (request.method === "GET") {
      const weights = list(port.view().weights(), ([role, weight]) =>
        object({ role: quote(role), weight: double(weight) }),
      );
      return legacyJson(request, requestUrl(request), weights);
    }
    if (request.method !== "PUT") return methodNotAllowed(["GET", "PUT"], request.method);
    const json = await readJson(request);
    if (!json.ok) return json.error;
    const failed = "Failed to convert weights JSON array to protobuf";
    if (!Array.isArray(json.value)) return text(400, `${failed}: expecting a list of weights`);
    const weights = decodeItems("WeightInfo", json.value);
    if (!weights.ok) return text(400, `${failed}: ${weights.error}`);
    return answered(await port.change({ kind: "weights", weights: weights.value }));
  };
}

/** GET, POST of a QuotaRequest, and DELETE of `/quota/<role>`. */
export function quotaHandler({ port }: MasterContext): Handler {
  return async (request) => {
    switch (request.method) {
      case "GET":
        return legacyJson(request, requestUrl(request), encodeJson("QuotaStatus", quotaMessage(port.view())));
      case "POST": {
        const json = await readJson(request);
        if (!json.ok) return json.error;
        const quota = decodeJsonValue("QuotaRequest", json.value);
        if (!quota.ok) return text(400, `Failed to validate set quota request JSON: ${quota.error.message}`);
        return answered(await port.change({ kind: "set-quota", request: quota.value }));
      }
      case "DELETE": {
        const role = roleOfPath(rawPath(request));
        if (role === "") {
          const path = rawPath(request);
          return text(400, `Failed to parse remove quota request for path '${path}': write /quota/<role>`);
        }
        return answered(await port.change({ kind: "remove-quota", role }));
      }
      default:
        return methodNotAllowed(["GET", "POST", "DELETE"], request.method);
    }
  };
}

/** What follows `/quota` or `/master/quota`. */
function roleOfPath(path: string): string {
  const [, rest = ""] = /^(?:\/+master)?\/+quota\/*(.*?)\/*$/.exec(path) ?? [];
  return decodeURIComponent(rest);
}

async function readJson(request: Request): Promise<Result<unknown, Response>> {
  const body = await readBody(request);
  if (!body.ok) return body;
  const content = new TextDecoder().decode(body.value);
  try {
    return ok(JSON.parse(content) as unknown);
  } catch (error) {
    const shown = content.length > SHOWN_MAX_CHARS ? `${content.slice(0, SHOWN_MAX_CHARS)}…` : content;
    const reason = error instanceof Error ? error.message : String(error);
    return fail(text(400, `Failed to parse request JSON '${shown}': ${reason}`));
  }
}

const SHOWN_MAX_CHARS = 1_000;

function answered({ status, body }: CallAnswer): Response {
  return text(status, body);
}
