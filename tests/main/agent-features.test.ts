import { describe, expect, test } from "bun:test";
import { AGENT_FEATURES_FLAG, checkAgentFeatures } from "../../src/main/agent-features.ts";
import { Flags } from "../../src/main/flags.ts";
import { AGENT_CAPABILITIES } from "../../src/model/agent-capabilities.ts";

function check(value: string | undefined): void {
  const given = new Map(value === undefined ? [] : [["agent-features", [value]]]);
  checkAgentFeatures(new Flags([AGENT_FEATURES_FLAG], given, {}));
}
const features = (types: readonly string[]): string =>
  JSON.stringify({ capabilities: types.map((type) => ({ type })) });

describe("--agent-features", () => {
  test("may be left out, or name all that the agent can do", () => {
    check(undefined);
    check(features(AGENT_CAPABILITIES));
  });

  test.each([
    ["MULTI_ROLE", "JSON like"],
    ['{"capabilities": ["MULTI_ROLE"]}', "JSON like"],
    [features(["MULTI_ROLE"]), "HIERARCHICAL_ROLE, RESERVATION_REFINEMENT"],
    [
      features([...AGENT_CAPABILITIES, "RESOURCE_PROVIDER"]),
      "no RESOURCE_PROVIDER, which this agent has not",
    ],
  ])("%s is refused", (value, why) => {
    expect(() => check(value)).toThrow(why);
  });
});
