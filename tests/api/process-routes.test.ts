import { describe, expect, test } from "bun:test";
import type { Handler } from "../../src/api/context.ts";
import { agentApi, masterApi } from "../../src/api/routes.ts";
import { agentContext, masterContext } from "../support/api-context.ts";
import { MemoryAgentPort } from "../support/memory-agent-port.ts";
import { MemoryMasterPort } from "../support/memory-master-port.ts";

const BOTH: readonly (readonly [string, Handler])[] = [
  ["master", masterApi(masterContext(new MemoryMasterPort()))],
  ["slave(1)", agentApi(agentContext(new MemoryAgentPort()))],
];

async function get(handler: Handler, path: string): Promise<Response> {
  return handler(new Request(`http://127.0.0.1${path}`));
}

describe("masters and agents alike", () => {
  test("/health, /version and /flags of an agent", async () => {
    const handler = BOTH[1]?.[1] as Handler;
    for (const path of ["/health", "/slave(1)/health"]) {
      const answer = await get(handler, path);
      expect([answer.status, await answer.text()]).toEqual([200, ""]);
    }
    expect(await (await get(handler, "/flags")).json()).toEqual({ flags: { port: "5051" } });
    expect(await (await get(handler, "/version")).json()).toMatchObject({ git_tag: "mesh-0.1.0" });
  });

  test("/metrics/snapshot is a flat map of doubles", async () => {
    const texts = await Promise.all(
      BOTH.map(async ([, handler]) => (await get(handler, "/metrics/snapshot?timeout=5secs")).text()),
    );
    expect(texts).toEqual(['{"master/elected":1.0,"master/uptime_secs":12.5}', '{"slave/registered":1.0}']);
    for (const [, handler] of BOTH) {
      expect((await get(handler, "/metrics/snapshot?timeout=soon")).status).toBe(400);
    }
  });

  test("/system/stats.json tells of the machine", async () => {
    for (const [, handler] of BOTH) {
      const stats = (await (await get(handler, "/system/stats.json")).json()) as Record<string, number>;
      expect(Object.keys(stats).sort()).toEqual([
        ...["avg_load_15min", "avg_load_1min", "avg_load_5min"],
        ...["cpus_total", "mem_free_bytes", "mem_total_bytes"],
      ]);
      expect(stats["cpus_total"]).toBeGreaterThan(0);
      expect(stats["mem_total_bytes"]).toBeGreaterThan(stats["mem_free_bytes"] ?? Number.POSITIVE_INFINITY);
    }
  });

  test("/__processes__ names the processes of the paths", async () => {
    for (const [id, handler] of BOTH) {
      const processes = (await (await get(handler, "/__processes__")).json()) as { id: string }[];
      expect(processes.map((process) => process.id)).toContain(id);
    }
  });
});
