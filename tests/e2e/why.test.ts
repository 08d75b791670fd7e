/** Offer constraints and `mesh why`, with nothing but the binary. */
import { expect, test } from "bun:test";
import { eventually, mesh, TestCluster } from "./test-cluster.ts";

const HEADERS = { "Content-Type": "application/json", Accept: "application/json" };

/** Subscribes with a constraint on the agents' rack; the stream lives as long as the response. */
async function subscribe(cluster: TestCluster, regex: string): Promise<Response> {
  const constraint = { selector: { attribute_name: "rack" }, predicate: { text_matches: { regex } } };
  const groups = [{ attribute_constraints: [constraint] }];
  const subscribe = {
    framework_info: { user: "root", name: "picky" },
    offer_constraints: { role_constraints: { "*": { groups } } },
  };
  const [address = ""] = cluster.masterAddresses;
  return fetch(`http://${address}/api/v1/scheduler`, {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify({ type: "SUBSCRIBE", subscribe }),
  });
}

test("a framework that no agent suits is told why, and another is offered the agent", async () => {
  await using cluster = await TestCluster.start({
    masters: 1,
    agents: 1,
    agentFlags: ["--attributes", "rack:a1"],
  });
  const stream = await subscribe(cluster, "b[0-9]+");
  expect(stream.status).toBe(200);
  const master = ["--master", cluster.masterAddresses.join(",")];
  const why = await eventually("the framework to be known", async () => {
    const answer = await mesh(["why", "picky", ...master]);
    return answer.status === 0 ? answer.stdout : undefined;
  });
  expect(why).toContain("Its offer constraints exclude 1 agent");
  expect(why).toContain("rack matches b[0-9]+: 1 agent");
  const json = await mesh(["why", "picky", "--role", "*", "--json", ...master]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    name: "picky",
    connected: true,
    roles: [{ role: "*", agents: { total: 1, constrained: 1 }, reasons: [{ code: "constrained" }] }],
  });
  await stream.body?.cancel();

  const other = await subscribe(cluster, "a[0-9]+");
  let text = "";
  for await (const chunk of other.body ?? []) {
    text += new TextDecoder().decode(chunk);
    if (text.includes('"type":"OFFERS"')) break;
  }
  expect(text).toContain('"rack"');

  const unknown = await mesh(["why", "nobody", ...master]);
  expect([unknown.status, unknown.stderr.includes("'nobody' is not known")]).toEqual([1, true]);
});
