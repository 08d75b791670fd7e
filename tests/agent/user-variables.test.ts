import { expect, test } from "bun:test";
import { userVariables } from "../../src/agent/user-variables.ts";
import type { EnvironmentVariable } from "../../src/model/v1/tasks.ts";

const read = (...variables: EnvironmentVariable[]) => userVariables({ environment: { variables } });
const secret = (data: Uint8Array): EnvironmentVariable => ({
  name: "TOKEN",
  type: "SECRET",
  secret: { type: "VALUE", value: { data } },
});

test("plain values, and secrets given by value", () => {
  const read2 = read(
    { name: "A", value: "1" },
    { name: "B" },
    secret(new TextEncoder().encode("s3cr\u00e9t")),
  );
  expect(read2).toEqual({
    ok: true,
    value: [
      ["A", "1"],
      ["B", ""],
      ["TOKEN", "s3cr\u00e9t"],
    ],
  });
});

test("secrets that no program can be handed say why, and never their content", () => {
  const reference: EnvironmentVariable = {
    name: "TOKEN",
    type: "SECRET",
    secret: { type: "REFERENCE", reference: { name: "n" } },
  };
  const wrong: readonly (readonly [EnvironmentVariable, string])[] = [
    [reference, 'the environment variable "TOKEN" is a secret by reference'],
    [secret(new Uint8Array([104, 0, 105])), "a zero byte"],
    [secret(new Uint8Array([0xff, 0xfe])), "not UTF-8"],
  ];
  for (const [variable, text] of wrong) {
    const result = read(variable);
    expect(result).toMatchObject({ ok: false, error: expect.stringContaining(text) });
  }
});
