/**
 * One look at whether a task does its work (Mesos CheckInfo and HealthCheck),
 * as data: what to try, and what came of it. When to look and what follows is
 * the agent's business (src/agent/checks.ts).
 */
import type { ContainerSpec } from "./container.ts";

/** A look over the network, at a port of the container. */
export type NetworkProbe =
  | {
      readonly kind: "http";
      readonly scheme: "http" | "https";
      readonly protocol: "IPv4" | "IPv6";
      readonly port: number;
      /** Begins with "/". */
      readonly path: string;
    }
  | { readonly kind: "tcp"; readonly protocol: "IPv4" | "IPv6"; readonly port: number };

export type CheckProbe =
  | NetworkProbe
  /** The container's own spec, with the command and the environment of the check instead. */
  | { readonly kind: "command"; readonly spec: ContainerSpec };

export type CheckResult =
  /** The command of the check ended by itself. */
  | { readonly kind: "exited"; readonly code: number }
  /** An HTTP answer, after redirects. */
  | { readonly kind: "answered"; readonly status: number }
  | { readonly kind: "connected"; readonly connected: boolean; readonly reason?: string }
  /** Tried, and nothing came of it: no answer in time, a command killed by a signal. */
  | { readonly kind: "failed"; readonly reason: string }
  /** Says nothing of the task: the agent could not try, or the container ended meanwhile. */
  | { readonly kind: "untried"; readonly reason: string };

/**
 * Tries a port at an address; `untried` only when the agent's own means run
 * out. Must settle soon after the signal aborts. Implemented by src/io/network-check.ts.
 */
export type NetworkCheck = (
  probe: NetworkProbe,
  address: string,
  signal: AbortSignal,
  within?: Within,
) => Promise<CheckResult>;

/** Runs what opens sockets, at once, in another network than the agent's. */
export type Within = <T>(open: () => T) => T;
