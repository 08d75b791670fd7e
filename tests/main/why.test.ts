import { expect, test } from "bun:test";
import { masterApi } from "../../src/api/routes.ts";
import { showWhy, whyText } from "../../src/main/why.ts";
import type { WhyView } from "../../src/master/port.ts";
import { masterContext } from "../support/api-context.ts";
import { FRAMEWORK } from "../support/cluster-sample.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";
import { printed } from "../support/printed.ts";

const WHY: WhyView = {
  frameworkId: FRAMEWORK.id,
  name: FRAMEWORK.info.name,
  connected: true,
  reasons: [],
  roles: [
    {
      role: "r1",
      suppressed: false,
      position: 2,
      share: 0.25,
      roleShare: 0.125,
      weight: 2,
      before: [{ frameworkId: "f2", name: "two", role: "r1", share: 0, roleShare: 0.125 }],
      agents: { total: 3, constrained: 3 },
      reasons: [
        {
          code: "constrained",
          agents: 3,
          text: "Excluded",
          advice: "Change it",
          details: ["rack exists: 3 agents"],
        },
      ],
    },
  ],
};

async function said(
  run: (masters: string[]) => Promise<void>,
  ...frameworks: (typeof FRAMEWORK)[]
): Promise<string> {
  const port = new MemoryMasterPort();
  port.contents.whys.set(WHY.frameworkId, WHY);
  port.contents.frameworks.push(...frameworks);
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: masterApi(masterContext(port)) });
  try {
    return await printed(() => run([`127.0.0.1:${server.port}`]));
  } finally {
    await server.stop(true);
  }
}

test("a table for people: reasons with their details, and who comes first", () => {
  const text = whyText({
    framework_id: "f1",
    name: "demo",
    connected: false,
    reasons: [{ code: "disconnected", text: "Not connected", advice: "Start it" }],
    roles: [
      {
        role: "r1",
        suppressed: false,
        position: 2,
        share: 0.25,
        role_share: 0.125,
        weight: 2,
        before: [{ framework_id: "f2", name: "two", role: "r1", share: 0, role_share: 0.125 }],
        agents: { total: 3, constrained: 3 },
        reasons: [
          {
            code: "constrained",
            agents: 3,
            text: "Excluded",
            advice: "Change it",
            details: ["rack exists: 3"],
          },
        ],
      },
    ],
  });
  expect(text).toBe(`Framework f1 (demo)

AGENTS  REASON         WHAT HELPS
        Not connected  Start it

Role 'r1': number 2 in the fair order, share 25 % (role 12.5 %, weight 2), 3 agents
AGENTS  REASON            WHAT HELPS
3       Excluded          Change it
          rack exists: 3
BEFORE IT  NAME  ROLE  SHARE  ROLE'S SHARE
f2         two   r1    0 %    12.5 %`);
});

test("by id, by name, as JSON", async () => {
  const options = { role: undefined, json: false };
  const byId = await said((masters) => showWhy({ ...options, masters, framework: FRAMEWORK.id }));
  expect(byId).toContain("rack exists: 3 agents");
  const byName = await said(
    (masters) => showWhy({ ...options, masters, framework: FRAMEWORK.info.name, json: true }),
    FRAMEWORK,
  );
  expect(JSON.parse(byName)).toMatchObject({ framework_id: FRAMEWORK.id, roles: [{ role: "r1" }] });
});

test("unknown names, names of several, roles it does not have", async () => {
  const options = { role: undefined, json: false };
  expect(said((masters) => showWhy({ ...options, masters, framework: "nobody" }), FRAMEWORK)).rejects.toThrow(
    "Framework 'nobody' is not known",
  );
  const twin = { ...FRAMEWORK, id: "f2", info: { ...FRAMEWORK.info, id: { value: "f2" } } };
  expect(
    said((masters) => showWhy({ ...options, masters, framework: FRAMEWORK.info.name }), FRAMEWORK, twin),
  ).rejects.toThrow(/give one of the ids .*, f2/);
  expect(
    said((masters) => showWhy({ ...options, masters, framework: FRAMEWORK.id, role: "x" }), FRAMEWORK),
  ).rejects.toThrow("not subscribed to role 'x'");
});
