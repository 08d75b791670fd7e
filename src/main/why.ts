/** `mesh why`: why a framework gets no offers. */

import type { WhyBody } from "../api/why.ts";
import { MeshError } from "../base/errors.ts";
import { type HttpAnswer, MasterClient, refusal } from "./client/master-client.ts";
import { operatorCall } from "./client/operator-client.ts";
import { print } from "./client/output.ts";
import { formatTable } from "./client/table.ts";

export interface WhyOptions {
  readonly masters: readonly string[];
  /** Its id, or its name when only one framework has it. */
  readonly framework: string;
  readonly role: string | undefined;
  readonly json: boolean;
}

export async function showWhy(options: WhyOptions): Promise<void> {
  const why = await askWhy(new MasterClient(options.masters), options);
  await print(options.json ? JSON.stringify(why, null, 2) : whyText(why));
}

async function askWhy(master: MasterClient, { framework, role }: WhyOptions): Promise<WhyBody> {
  const answer = await get(master, framework, role);
  if (answer.status !== 404) return bodyOf(answer);
  const id = await idOfName(master, framework);
  if (id === undefined) throw new MeshError("REQUEST_REFUSED", answer.text);
  const named = await get(master, id, role);
  if (named.status === 404) throw new MeshError("REQUEST_REFUSED", named.text);
  return bodyOf(named);
}

function get(master: MasterClient, framework: string, role: string | undefined): Promise<HttpAnswer> {
  return master.get(pathOf(framework, role));
}

function pathOf(framework: string, role: string | undefined): string {
  const query = role === undefined ? "" : `?role=${encodeURIComponent(role)}`;
  return `/mesh/why/${encodeURIComponent(framework)}${query}`;
}

/** Undefined when no framework has the name. */
async function idOfName(master: MasterClient, name: string): Promise<string | undefined> {
  const response = await operatorCall(master, { type: "GET_FRAMEWORKS" });
  const ids = (response.get_frameworks?.frameworks ?? [])
    .filter(({ framework_info }) => framework_info.name === name)
    .map(({ framework_info }) => framework_info.id?.value ?? "");
  if (ids.length <= 1) return ids[0];
  throw new MeshError(
    "REQUEST_REFUSED",
    `Several frameworks are named '${name}'; give one of the ids ${ids.join(", ")}`,
  );
}

function bodyOf(answer: HttpAnswer): WhyBody {
  if (answer.status !== 200) throw refusal("GET", "/mesh/why", answer);
  // Written by src/api/why.ts of the same version or a close one.
  return JSON.parse(answer.text) as WhyBody;
}

type Role = WhyBody["roles"][number];

/** What people read: a heading, what holds in all roles, then role by role. */
export function whyText(why: WhyBody): string {
  const parts = [`Framework ${why.framework_id} (${why.name})`];
  if (why.reasons.length > 0) parts.push(reasonTable(why.reasons));
  for (const role of why.roles) parts.push(roleText(role));
  return parts.join("\n\n");
}

function roleText(role: Role): string {
  const { total = 0 } = role.agents;
  const place = role.position === null ? "wants no offers" : `number ${role.position} in the fair order`;
  const heading = `Role '${role.role}': ${place}, share ${percent(role.share)} (role ${percent(role.role_share)}, weight ${role.weight}), ${total} agent${total === 1 ? "" : "s"}`;
  const parts = [heading];
  if (role.reasons.length > 0) parts.push(reasonTable(role.reasons));
  if (role.before.length > 0) {
    const rows = role.before.map((other) => [
      other.framework_id,
      other.name,
      other.role,
      percent(other.share),
      percent(other.role_share),
    ]);
    parts.push(formatTable(["BEFORE IT", "NAME", "ROLE", "SHARE", "ROLE'S SHARE"], rows));
  }
  return parts.join("\n");
}

function reasonTable(reasons: Role["reasons"]): string {
  const rows = reasons.flatMap((reason) => [
    [reason.agents === undefined ? "" : String(reason.agents), reason.text, reason.advice],
    ...(reason.details ?? []).map((detail) => ["", `  ${detail}`, ""]),
  ]);
  return formatTable(["AGENTS", "REASON", "WHAT HELPS"], rows);
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}
