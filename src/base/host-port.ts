/** Highest TCP port. */
export const PORT_MAX = 65_535;

/** `host:port`, as URLs have it: an IPv6 address stands in brackets. */
export function hostPort(host: string, port: number | string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}
