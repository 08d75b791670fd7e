/**
 * Oversubscription (RES-25): the agent offers a fixed amount beyond what it
 * has as revocable resources, as the `fixed` estimator of Mesos does. Only
 * frameworks with REVOCABLE_RESOURCES see them, and nothing stands behind
 * them but what others leave unused.
 */
import { fail, ok, type Result } from "../base/result.ts";
import { toResources } from "../model/resource-format.ts";
import { parseResources } from "../model/resources-text.ts";
import type { Resource } from "../model/v1/resources.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";

/** Reads `--oversubscribed-resources`; the error is a whole line for the user. */
export function oversubscribedResources(flag: string | undefined): Result<readonly Resource[]> {
  if (flag === undefined || flag.trim() === "") return ok([]);
  const decode = (value: unknown) => decodeJsonValue<"Resource">("Resource", value);
  const parsed = parseResources(flag, { decode });
  const bad = (reason: string) => fail(`Cannot use --oversubscribed-resources '${flag}': ${reason}`);
  if (!parsed.ok) return bad(parsed.error);
  const resources = toResources(parsed.value);
  for (const { name, type, reservations, disk } of resources) {
    if (type !== "SCALAR") return bad(`'${name}' is no scalar; only amounts can be oversubscribed`);
    if ((reservations ?? []).length > 0 || disk !== undefined) {
      return bad(`'${name}' is reserved or on a disk; name plain amounts, as in cpus:2;mem:512`);
    }
  }
  return ok(resources.map((resource) => ({ ...resource, revocable: {} })));
}
