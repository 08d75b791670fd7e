/**
 * Why a framework gets no offers: `GET /mesh/why/<framework id>[?role=]`, and
 * Mesos' own view of offer constraints, `/allocator/offer_constraints_debug`.
 */
import type { ClusterView, MasterPort, WhyReason, WhyView } from "../master/port.ts";
import type { Handler } from "./context.ts";
import { dictionary, list, object, quote } from "./json-text.ts";
import { methodNotAllowed, payload, text } from "./respond.ts";
import { rawPath, requestUrl } from "./router.ts";

export function whyHandler(port: MasterPort): Handler {
  return (request) => {
    if (request.method !== "GET" && request.method !== "HEAD")
      return methodNotAllowed(["GET"], request.method);
    const [, id = ""] = /\/why\/([^/]+)\/?$/.exec(rawPath(request)) ?? [];
    if (id === "") return text(400, "Failed to say why: expecting /mesh/why/<framework id>");
    const frameworkId = decoded(id);
    const role = requestUrl(request).searchParams.get("role") ?? undefined;
    const view = port.view();
    const why = view.why(frameworkId, role);
    if (why === undefined) {
      const removed = [...view.completedFrameworks()].some((framework) => framework.id === frameworkId);
      return text(
        404,
        removed
          ? `Framework '${frameworkId}' was removed; it gets no offers any more`
          : `Framework '${frameworkId}' is not known: 'mesh frameworks' lists those that are`,
      );
    }
    if (role !== undefined && why.roles.length === 0) {
      return text(404, `Framework '${frameworkId}' is not subscribed to role '${role}'`);
    }
    return payload(request, "application/json", JSON.stringify(whyBody(why)));
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The body of the answer; also what `mesh why` reads. */
export interface WhyBody {
  readonly framework_id: string;
  readonly name: string;
  readonly connected: boolean;
  readonly reasons: readonly WhyReason[];
  readonly roles: readonly {
    readonly role: string;
    readonly suppressed: boolean;
    /** null when it is not among those who want offers. */
    readonly position: number | null;
    readonly share: number;
    readonly role_share: number;
    readonly weight: number;
    readonly before: readonly {
      readonly framework_id: string;
      readonly name: string;
      readonly role: string;
      readonly share: number;
      readonly role_share: number;
    }[];
    readonly agents: Readonly<Record<string, number>>;
    readonly reasons: readonly WhyReason[];
  }[];
}

function whyBody({ frameworkId, name, connected, reasons, roles }: WhyView): WhyBody {
  return {
    framework_id: frameworkId,
    name,
    connected,
    reasons,
    roles: roles.map((role) => ({
      role: role.role,
      suppressed: role.suppressed,
      position: role.position ?? null,
      share: role.share,
      role_share: role.roleShare,
      weight: role.weight,
      before: role.before.map((other) => ({
        framework_id: other.frameworkId,
        name: other.name,
        role: other.role,
        share: other.share,
        role_share: other.roleShare,
      })),
      agents: snakeCased(role.agents),
      reasons: role.reasons,
    })),
  };
}

function snakeCased(counts: Readonly<Record<string, number>>): Record<string, number> {
  const entries = Object.entries(counts);
  return Object.fromEntries(
    entries.map(([name, number]) => [name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), number]),
  );
}

/** Of every framework that is not removed; roles without constraints are left out. */
export function constraintsDebugJson(view: ClusterView): string {
  const frameworks = [...view.constraintsDebug()].map(({ frameworkId, suppressedRoles, excluded }) => {
    const body = object({
      suppressed_roles: list(suppressedRoles, quote),
      excluded_by_attribute_constraints: dictionary(
        [...excluded].map(([role, agentIds]) => [role, list(agentIds, quote)] as const),
      ),
    });
    return [frameworkId, body] as const;
  });
  return object({ frameworks: dictionary(frameworks) });
}
