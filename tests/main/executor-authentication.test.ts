import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  EXECUTOR_AUTHENTICATION_FLAGS,
  executorCheck,
  executorToken,
  readExecutorAuthentication,
} from "../../src/main/executor-authentication.ts";
import { Flags } from "../../src/main/flags.ts";

const directory = mkdtempSync(join(tmpdir(), "mesh-keys-"));
afterAll(() => rmSync(directory, { recursive: true }));
const key = join(directory, "key");
writeFileSync(key, "secret", { mode: 0o600 });
writeFileSync(join(directory, "empty"), "");

const read = (given: Readonly<Record<string, string>>, environment: Readonly<Record<string, string>> = {}) =>
  readExecutorAuthentication(
    new Flags(
      EXECUTOR_AUTHENTICATION_FLAGS,
      new Map(Object.entries(given).map(([name, value]) => [name, [value]])),
      environment,
    ),
  );
const REQUIRED = { "authenticate-http-executors": "true" };

test("without a key there are no tokens, and none can be required", () => {
  expect(read({})).toBeUndefined();
  expect([executorToken(undefined), executorCheck(undefined)]).toEqual([{}, {}]);
  expect(() => read(REQUIRED)).toThrow("give --jwt-secret-key <file>");
});

test("a key makes tokens, which are checked when they are required", () => {
  const claims = { fid: "f", eid: "e", cid: "c" };
  const given = read({ "jwt-secret-key": key });
  expect(given).toMatchObject({ required: false, exposed: false, path: key });
  expect(executorCheck(given)).toEqual({});
  const token = executorToken(given).executorToken?.(claims) ?? "";
  const required = read({ ...REQUIRED, "executor-secret-key": `file://${key}` });
  expect(executorCheck(required).checkExecutorToken?.(token, 0)).toEqual({ ok: true, value: claims });
  expect(executorCheck(required).checkExecutorToken?.(`${token}x`, 0).ok).toBe(false);
  expect(read({}, { MESOS_JWT_SECRET_KEY: key })).toMatchObject({ path: key });
});

test("a key that cannot be used, and one that others can read", () => {
  expect(() => read({ "jwt-secret-key": join(directory, "none") })).toThrow("no such file");
  expect(() => read({ "executor-secret-key": join(directory, "empty") })).toThrow("it is empty");
  chmodSync(key, 0o604);
  expect(read({ "jwt-secret-key": key })?.exposed).toBe(true);
  chmodSync(key, 0o600);
});
