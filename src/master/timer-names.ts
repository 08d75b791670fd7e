/** What a timer is for; its name also carries the id of what it is about. */

export type TimerKind =
  | "heartbeat"
  | "failover"
  | "ping"
  | "unreachable"
  | "offer"
  | "retry"
  | "operations"
  | "inverse-offer"
  | "inverse-filter"
  | "retention"
  | "removal"
  | "recovery";

export function timerName(kind: TimerKind, id: string): string {
  return `${kind}/${id}`;
}

export function parseTimerName(name: string): { readonly kind: TimerKind; readonly id: string } {
  const slash = name.indexOf("/");
  // Names are made by timerName only.
  return { kind: name.slice(0, slash) as TimerKind, id: name.slice(slash + 1) };
}
