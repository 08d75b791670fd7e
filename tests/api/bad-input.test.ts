/**
 * Malformed and refused requests, each with the status and the exact body a
 * Mesos master and agent were recorded to answer.
 */
import { describe, expect, test } from "bun:test";
import type { Handler } from "../../src/api/context.ts";
import { agentApi, masterApi } from "../../src/api/routes.ts";
import { agentContext, masterContext } from "../support/api-context.ts";
import { MemoryAgentPort } from "../support/memory-agent-port.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

interface Case {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  /** Beside `Content-Type` and `Accept` of JSON; null removes one of them. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: unknown;
  readonly status: number;
  readonly answer: string;
  readonly allow?: string;
}

const ID = { framework_id: { value: "framework-0" } };
const UNKNOWN = { framework_id: { value: "00000000-0000-4000-8000-000000000000-9999" } };
const SID = { "Mesos-Stream-Id": "stream-0" };
const INFO = { user: "root", name: "x" };
const EMPTY_JSON = "Failed to parse body into JSON: syntax error at line 1 near: ";
const CONVERT = "Failed to convert JSON into Call protobuf: ";
const INVALID = "Failed to validate scheduler::Call: ";
const TYPES = "Expecting 'Content-Type' of application/json or application/x-protobuf";
const ACCEPT = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
const only = (method: string): string =>
  `405 Method Not Allowed. Expecting one of { 'POST' }, but received '${method}'.`;
const mismatch = (sent: string): string =>
  `The stream ID '${sent}' included in this request didn't match the stream ID currently associated ` +
  "with framework ID framework-0";

const SCHEDULER: readonly Case[] = [
  { name: "no body", body: "", status: 400, answer: EMPTY_JSON },
  {
    name: "no body, no content type",
    headers: { "Content-Type": null },
    body: "",
    status: 400,
    answer: "Expecting 'Content-Type' to be present",
  },
  { name: "GET", method: "GET", status: 405, answer: only("GET"), allow: "POST" },
  { name: "PUT", method: "PUT", body: {}, status: 405, answer: only("PUT"), allow: "POST" },
  { name: "text/plain", headers: { "Content-Type": "text/plain" }, body: {}, status: 415, answer: TYPES },
  {
    name: "JSON with a charset",
    headers: { "Content-Type": "application/json; charset=utf-8" },
    body: {},
    status: 415,
    answer: TYPES,
  },
  {
    name: "no content type, JSON body",
    headers: { "Content-Type": null },
    body: {},
    status: 400,
    answer: "Expecting 'Content-Type' to be present",
  },
  {
    name: "Accept text/html on SUBSCRIBE",
    headers: { Accept: "text/html" },
    body: { type: "SUBSCRIBE", subscribe: { framework_info: INFO } },
    status: 406,
    answer: ACCEPT,
  },
  {
    name: "protobuf content type with JSON",
    headers: { "Content-Type": "application/x-protobuf" },
    body: { type: "SUBSCRIBE" },
    status: 400,
    answer: "Failed to parse body into Call protobuf",
  },
  { name: "truncated", body: '{"type":"SUBSCRIBE", "subscribe": {', status: 400, answer: EMPTY_JSON },
  { name: "array", body: [], status: 400, answer: `${CONVERT}Expecting a JSON object` },
  { name: "string", body: '"x"', status: 400, answer: `${CONVERT}Expecting a JSON object` },
  { name: "empty object", body: {}, status: 400, answer: `${INVALID}Expecting 'type' to be present` },
  {
    name: "unknown call type",
    headers: SID,
    body: { ...ID, type: "NOT_A_CALL" },
    status: 400,
    answer: `${INVALID}Expecting 'type' to be present`,
  },
  {
    name: "unknown extra field",
    headers: SID,
    body: { ...ID, type: "REVIVE", x: 1 },
    status: 202,
    answer: "",
  },
  {
    name: "wrong JSON type",
    headers: SID,
    body: { framework_id: 7, type: "REVIVE" },
    status: 400,
    answer: `${CONVERT}Not expecting a JSON number for field 'framework_id'`,
  },
  {
    name: "SUBSCRIBE without subscribe",
    body: { type: "SUBSCRIBE" },
    status: 400,
    answer: `${INVALID}Expecting 'subscribe' to be present`,
  },
  {
    name: "SUBSCRIBE without required fields",
    body: { type: "SUBSCRIBE", subscribe: { framework_info: {} } },
    status: 400,
    answer: `${CONVERT}Missing required fields: subscribe.framework_info.user, subscribe.framework_info.name`,
  },
  {
    name: "SUBSCRIBE with a stream id",
    headers: SID,
    body: { type: "SUBSCRIBE", subscribe: { framework_info: INFO } },
    status: 400,
    answer: "Subscribe calls should not include the 'Mesos-Stream-Id' header",
  },
  {
    name: "SUBSCRIBE with two framework ids",
    body: {
      framework_id: { value: "a" },
      type: "SUBSCRIBE",
      subscribe: { framework_info: { ...INFO, id: { value: "b" } } },
    },
    status: 400,
    answer: `${INVALID}'framework_id' differs from 'subscribe.framework_info.id'`,
  },
  {
    name: "missing stream id",
    body: { ...ID, type: "REVIVE" },
    status: 400,
    answer: "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
  },
  {
    name: "malformed stream id",
    headers: { "Mesos-Stream-Id": "xyz" },
    body: { ...ID, type: "REVIVE" },
    status: 400,
    answer: mismatch("xyz"),
  },
  {
    name: "missing framework id",
    headers: SID,
    body: { type: "REVIVE" },
    status: 400,
    answer: `${INVALID}Expecting 'framework_id' to be present`,
  },
  {
    name: "unknown framework id",
    body: { ...UNKNOWN, type: "REVIVE" },
    status: 400,
    answer: "Framework cannot be found",
  },
  ...["ACCEPT", "DECLINE", "KILL", "ACKNOWLEDGE", "RECONCILE", "REQUEST", "MESSAGE"].map((type) => ({
    name: `${type} without body`,
    headers: SID,
    body: { ...ID, type },
    status: 400,
    answer: `${INVALID}Expecting '${type.toLowerCase()}' to be present`,
  })),
  {
    name: "ACCEPT operation without type",
    headers: SID,
    body: { ...ID, type: "ACCEPT", accept: { offer_ids: [], operations: [{}] } },
    status: 202,
    answer: "",
  },
  {
    name: "ACKNOWLEDGE uuid not base64",
    headers: SID,
    body: {
      ...ID,
      type: "ACKNOWLEDGE",
      acknowledge: { agent_id: { value: "a" }, task_id: { value: "t" }, uuid: "***" },
    },
    status: 400,
    answer: `${CONVERT}Failed to base64 decode bytes field 'uuid': Invalid character '*'`,
  },
  {
    name: "ACKNOWLEDGE uuid of 3 bytes",
    headers: SID,
    body: {
      ...ID,
      type: "ACKNOWLEDGE",
      acknowledge: { agent_id: { value: "a" }, task_id: { value: "t" }, uuid: "YWJj" },
    },
    status: 400,
    answer: `${INVALID}Not a valid UUID`,
  },
  {
    name: "null for an optional field",
    headers: SID,
    body: { ...ID, type: "SUPPRESS", suppress: null },
    status: 202,
    answer: "",
  },
  {
    name: "type UNKNOWN",
    headers: SID,
    body: { ...ID, type: "UNKNOWN" },
    status: 501,
    answer: "Unknown call",
  },
];

const V1 = "/api/v1";
const MASTER_INVALID = "Failed to validate master::Call: ";
const MASTER: readonly Case[] = [
  { name: "no body", path: V1, body: "", status: 400, answer: EMPTY_JSON },
  { name: "truncated", path: V1, body: '{"type":', status: 400, answer: EMPTY_JSON },
  {
    name: "unknown type",
    path: V1,
    body: { type: "NOPE" },
    status: 400,
    answer: `${MASTER_INVALID}Expecting 'type' to be present`,
  },
  {
    name: "empty object",
    path: V1,
    body: {},
    status: 400,
    answer: `${MASTER_INVALID}Expecting 'type' to be present`,
  },
  { name: "GET", path: V1, method: "GET", status: 405, answer: only("GET"), allow: "POST" },
  {
    name: "text/plain",
    path: V1,
    headers: { "Content-Type": "text/plain" },
    body: {},
    status: 415,
    answer: TYPES,
  },
  {
    name: "GET_HEALTH",
    path: V1,
    body: { type: "GET_HEALTH" },
    status: 200,
    answer: '{"type":"GET_HEALTH","get_health":{"healthy":true}}',
  },
  {
    name: "Accept text/html",
    path: V1,
    headers: { Accept: "text/html" },
    body: { type: "GET_HEALTH" },
    status: 406,
    answer: ACCEPT,
  },
  {
    name: "GET_METRICS without get_metrics",
    path: V1,
    body: { type: "GET_METRICS" },
    status: 400,
    answer: `${MASTER_INVALID}Expecting 'get_metrics' to be present`,
  },
  {
    name: "SET_LOGGING_LEVEL without field",
    path: V1,
    body: { type: "SET_LOGGING_LEVEL" },
    status: 400,
    answer: `${MASTER_INVALID}Expecting 'set_logging_level' to be present`,
  },
  { name: "unknown path", path: "/no/such/path", method: "GET", status: 404, answer: "404 Not Found." },
  {
    name: "/teardown with GET",
    path: "/teardown",
    method: "GET",
    status: 405,
    answer: only("GET"),
    allow: "POST",
  },
  {
    name: "/teardown without frameworkId",
    path: "/teardown",
    body: "",
    status: 400,
    answer: "Missing 'frameworkId' query parameter in the request body",
  },
  {
    name: "/teardown unknown frameworkId",
    path: "/teardown",
    body: "frameworkId=nope",
    status: 400,
    answer: "No framework found with specified ID",
  },
];

const EXECUTOR = "/slave(1)/api/v1/executor";
const AGENT: readonly Case[] = [
  { name: "operator: no body", path: V1, body: "", status: 400, answer: EMPTY_JSON },
  {
    name: "operator: unknown type",
    path: V1,
    body: { type: "NOPE" },
    status: 400,
    answer: "Failed to validate agent::Call: Expecting 'type' to be present",
  },
  { name: "executor API: no body", path: EXECUTOR, body: "", status: 400, answer: EMPTY_JSON },
  {
    name: "executor API: unknown framework",
    path: EXECUTOR,
    body: { type: "SUBSCRIBE", framework_id: { value: "f" }, executor_id: { value: "e" }, subscribe: {} },
    status: 400,
    answer: "Framework cannot be found",
  },
  { name: "unknown path", path: "/nope", method: "GET", status: 404, answer: "404 Not Found." },
];

function requestOf(item: Case): Request {
  const { method = "POST", path = "/api/v1/scheduler", headers = {}, body } = item;
  const json = { "Content-Type": "application/json", Accept: "application/json" };
  const all = Object.entries({ ...json, ...headers }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  const init: RequestInit = { method, headers: all };
  // As bytes: text would bring a content type of its own.
  if (body !== undefined) init.body = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return new Request(`http://127.0.0.1:5050${path}`, init);
}

async function subscribedMaster(): Promise<Handler> {
  const port = new MemoryMasterPort();
  const handler = masterApi(masterContext(port));
  const subscribe = { type: "SUBSCRIBE", subscribe: { framework_info: INFO } };
  const answer = await handler(requestOf({ name: "", body: subscribe, status: 200, answer: "" }));
  expect(answer.status).toBe(200);
  return handler;
}

function checkAll(cases: readonly Case[], handlerOf: () => Handler | Promise<Handler>): void {
  for (const item of cases) {
    test(item.name, async () => {
      const handler = await handlerOf();
      const answer = await handler(requestOf(item));
      expect(await answer.text()).toBe(item.answer);
      expect(answer.status).toBe(item.status);
      expect(answer.headers.get("Allow")).toBe(item.allow ?? null);
      const plain = item.status >= 400 ? "text/plain; charset=utf-8" : null;
      expect(answer.headers.get("Content-Type")).toBe(item.status === 200 ? "application/json" : plain);
    });
  }
}

describe("scheduler API", () => checkAll(SCHEDULER, subscribedMaster));
describe("master", () => checkAll(MASTER, subscribedMaster));
describe("agent", () => checkAll(AGENT, () => agentApi(agentContext(new MemoryAgentPort()))));
