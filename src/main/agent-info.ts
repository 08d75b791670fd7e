/** What `mesh agent` says of itself to masters, from its flags and the machine. */

import { realpathSync, statSync } from "node:fs";
import { oversubscribedResources } from "../agent/oversubscription.ts";
import { agentResources, type MachineFacts } from "../agent/resources.ts";
import { MeshError } from "../base/errors.ts";
import { parseAttributes } from "../model/attributes.ts";
import { checkRole } from "../model/roles.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import type { DomainInfo } from "../model/v1/ids.ts";
import type { Resource } from "../model/v1/resources.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, splitAddress } from "./flags.ts";
import { advertisedIp } from "./local-address.ts";

/** Flags that say what the agent is. */
export interface InfoFlags {
  /** `host:port` of the masters' HTTP APIs. */
  readonly masters: readonly string[];
  readonly ip: string;
  readonly port: number;
  readonly advertise: string | undefined;
  readonly hostname: string | undefined;
  readonly resources: string | undefined;
  readonly defaultRole: string;
  /** Left out: none. */
  readonly oversubscribed?: string | undefined;
  readonly attributes: string | undefined;
  /** Left out: none. */
  readonly domain?: DomainInfo | undefined;
}

/** @param workDir must exist. Throws MeshError BAD_FLAG. */
export function agentInfo(flags: InfoFlags, machine: MachineFacts, workDir: string): AgentInfo {
  const badRole = checkRole(flags.defaultRole);
  if (badRole !== undefined) throw badFlag("default-role", flags.defaultRole, `a role: ${badRole}`);
  const resources = agentResources(textOrFile("resources", flags.resources), machine, flags.defaultRole);
  if (!resources.ok) throw new MeshError("BAD_FLAG", resources.error);
  checkDisks(resources.value, workDir);
  const revocable = oversubscribedResources(textOrFile("oversubscribed-resources", flags.oversubscribed));
  if (!revocable.ok) throw new MeshError("BAD_FLAG", revocable.error);
  const attributes = parseAttributes(textOrFile("attributes", flags.attributes) ?? "");
  if (!attributes.ok) {
    throw badFlag("attributes", flags.attributes ?? "", `name:value[;name:value…]: ${attributes.error}`);
  }
  return {
    hostname: flags.hostname ?? agentIp(flags),
    port: flags.port,
    resources: [...resources.value, ...revocable.value],
    ...(attributes.value.length === 0 ? {} : { attributes: attributes.value }),
    ...(flags.domain === undefined ? {} : { domain: flags.domain }),
  };
}

export function agentIp(flags: Pick<InfoFlags, "advertise" | "ip" | "masters">): string {
  if (flags.advertise !== undefined) return splitAddress(flags.advertise).hostname;
  return advertisedIp(
    flags.ip,
    flags.masters.map((address) => splitAddress(address).hostname),
  );
}

/**
 * MOUNT disks are emptied when their volume is destroyed: each must be there,
 * be named once, and hold nothing that the agent itself stands on.
 */
function checkDisks(resources: readonly Resource[], workDir: string): void {
  const roots = new Set<string>();
  for (const { disk } of resources) {
    if (disk?.source?.type !== "MOUNT") continue;
    const root = disk.source.mount?.root;
    const quoted = `the MOUNT disk ${root === undefined ? "without a root" : JSON.stringify(root)}`;
    const refuse = (reason: string): MeshError =>
      new MeshError("BAD_FLAG", `Cannot use ${quoted} of --resources: ${reason}`);
    if (root === undefined || !root.startsWith("/"))
      throw refuse('give the absolute path of a mount point as "root" of "mount"');
    if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw refuse("there is no such directory; mount the disk first");
    const path = realpathSync(root);
    if (`${realpathSync(workDir)}/`.startsWith(path === "/" ? path : `${path}/`))
      throw refuse("it holds the work directory of the agent; give a disk of its own");
    if (roots.has(path)) throw refuse("it is named twice, and a MOUNT disk cannot be divided");
    roots.add(path);
  }
}
