/** Results of checks in the words of Mesos (src/checks/checks_types.cpp, health_checker.cpp). */
import type { CheckResult } from "../isolation/check.ts";
import type { CheckInfoType, CheckStatusInfo } from "../model/v1/tasks.ts";

const HTTP_GOOD_MIN = 200;
const HTTP_BAD_MIN = 400;

/** Why a result is not good for a health check; undefined when it is good. */
export function failureOf(result: CheckResult): string | undefined {
  switch (result.kind) {
    case "exited":
      return result.code === 0 ? undefined : `the command exited with status ${result.code}`;
    case "answered":
      return result.status >= HTTP_GOOD_MIN && result.status < HTTP_BAD_MIN
        ? undefined
        : `the answer has HTTP status ${result.status}`;
    case "connected":
      return result.connected ? undefined : (result.reason ?? "no connection");
    case "failed":
    case "untried":
      return result.reason;
  }
}

/** What a status says before there is a result, and when a check has none: its type alone. */
export function emptyCheckStatus(type: CheckInfoType | undefined): CheckStatusInfo {
  switch (type) {
    case "COMMAND":
      return { type, command: {} };
    case "HTTP":
      return { type, http: {} };
    case "TCP":
      return { type, tcp: {} };
    default:
      return {};
  }
}

export function statusOf(result: CheckResult, type: CheckInfoType | undefined): CheckStatusInfo {
  switch (result.kind) {
    case "exited":
      return { type: "COMMAND", command: { exit_code: result.code } };
    case "answered":
      return { type: "HTTP", http: { status_code: result.status } };
    case "connected":
      return { type: "TCP", tcp: { succeeded: result.connected } };
    case "failed":
    case "untried":
      return emptyCheckStatus(type);
  }
}
