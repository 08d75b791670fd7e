/** What plugins answer (CNI specification, sections 4 and 5): a result, or an error, as JSON. */
import type { NetworkInfo, NetworkInfoIPAddress } from "../model/v1/containers.ts";
import { isJson, type Json } from "./network.ts";

/** Addresses inside the container, without the lengths of their prefixes. */
export function addressesOf(result: Json): NetworkInfoIPAddress[] {
  // Before 0.3.0 there was at most one of each kind.
  const old = [result["ip4"], result["ip6"]].map((one) => (isJson(one) ? one["ip"] : undefined));
  const { ips, interfaces } = result;
  const listed = (Array.isArray(ips) ? (ips as readonly unknown[]) : [])
    .filter(isJson)
    .filter((ip) => isInContainer(ip["interface"], interfaces))
    .map((ip) => ip["address"]);
  return [...old, ...listed]
    .filter((text): text is string => typeof text === "string")
    .map((text) => text.split("/")[0] ?? "")
    .map((ip_address) => ({ protocol: ip_address.includes(":") ? "IPv6" : "IPv4", ip_address }));
}

/** An interface without a sandbox is the host's. */
function isInContainer(index: unknown, interfaces: unknown): boolean {
  if (typeof index !== "number" || !Array.isArray(interfaces)) return true;
  const found: unknown = interfaces[index];
  return !isJson(found) || (typeof found["sandbox"] === "string" && found["sandbox"] !== "");
}

/** As the status of a task tells it: what was asked for, with the addresses that came of it. */
export function networkInfo(request: NetworkInfo, result: Json): NetworkInfo {
  return { ...request, ip_addresses: addressesOf(result) };
}

/** An address that was asked for and did not come; undefined when all did. */
export function missingAddress(
  request: NetworkInfo,
  { ip_addresses: given = [] }: NetworkInfo,
): string | undefined {
  const wanted = (request.ip_addresses ?? []).flatMap(({ ip_address }) => ip_address ?? []);
  return wanted.find((address) => !given.some((one) => one.ip_address === address.split("/")[0]));
}

/** The words of a plugin that failed; undefined when it said none. */
export function errorText(output: unknown): string | undefined {
  if (!isJson(output)) return undefined;
  const { code, msg, details } = output;
  if (typeof msg !== "string" || msg === "") return undefined;
  const more = typeof details === "string" && details !== "" ? `: ${details}` : "";
  return `${msg}${more}${typeof code === "number" ? ` (code ${code})` : ""}`;
}
