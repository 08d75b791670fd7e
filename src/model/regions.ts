import type { DomainInfo } from "./v1/ids.ts";

export function regionOf(domain: DomainInfo | undefined): string | undefined {
  return domain?.fault_domain?.region.name;
}
