/** The name that a master or an agent tells of its machine (AGT-29). */
import { lookupService } from "node:dns/promises";
import { MeshError } from "../base/errors.ts";
import type { FlagSpec, Flags } from "./flags.ts";

export const HOSTNAME_LOOKUP_FLAG: FlagSpec = {
  name: "hostname-lookup",
  description: "Without --hostname, ask the name service for the name of the advertised address",
};

/** Undefined: the address is the name. Throws MeshError BAD_FLAG. */
export async function ownHostname(flags: Flags, ip: string): Promise<string | undefined> {
  const given = flags.optional("hostname");
  if (given !== undefined || !flags.switch("hostname-lookup")) return given;
  try {
    return (await lookupService(ip, 0)).hostname;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const way = "give --hostname, or leave --hostname-lookup out";
    throw new MeshError("BAD_FLAG", `Cannot look up the name of the address '${ip}': ${reason}; ${way}`);
  }
}
