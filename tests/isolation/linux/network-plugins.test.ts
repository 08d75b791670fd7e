/** Plugins that are given up halfway: one that is ended between two of its steps forgets what it took. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endPluginsOf, NetworkPlugins } from "../../../src/isolation/linux/network-plugins.ts";
import { procTable } from "../../../src/isolation/linux/process-table.ts";
import type { Attachment } from "../../../src/isolation/network-call.ts";
import { eventually } from "../../e2e/test-cluster.ts";
import { ROOT } from "../../support/source-text.ts";

/** As host-local: makes the file of an address, and then writes into it whose it is. */
const CAREFUL = `#!/bin/sh
: >"$CNI_PATH/address"
until [ -e "$CNI_PATH/go-on" ]; do sleep 0.01; done
echo "$CNI_CONTAINERID" >"$CNI_PATH/address"
`;
const HANGS = `#!/bin/sh
: >"$CNI_PATH/address"
exec sleep 1000
`;

/** As a plugin that starts the daemon of its network. */
const LEAVES_DAEMON = `#!/bin/sh
sleep 1000 &
echo $! >"$CNI_PATH/daemon"
echo '{"cniVersion":"1.0.0"}'
`;

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mesh-plugins-"));
  for (const [name, script] of Object.entries({ careful: CAREFUL, hangs: HANGS, daemon: LEAVES_DAEMON })) {
    writeFileSync(join(directory, name), script, { mode: 0o755 });
  }
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const halfway = () => eventually("the plugin to be halfway", () => existsSync(join(directory, "address")));
const goOn = () => writeFileSync(join(directory, "go-on"), "");
const owner = () => readFileSync(join(directory, "address"), "utf8");

function attachment(...types: readonly string[]): Attachment {
  const plugins = types.map((type) => ({ type, config: {}, capabilities: [] }));
  return {
    containerId: "c",
    namespacePath: undefined,
    interfaceName: "eth0",
    config: { cniVersion: "1.0.0", name: "n", disableCheck: false, plugins },
    request: {},
    recordPath: join(directory, "record"),
    pluginPath: directory,
  };
}

test("a plugin has ended when its process has, though a daemon holds its output open", async () => {
  const adding = new NetworkPlugins().add(attachment("daemon"), new AbortController().signal);
  expect(await adding).toEqual({ ok: true, value: { cniVersion: "1.0.0" } });
  const daemon = Number(readFileSync(join(directory, "daemon"), "utf8"));
  expect(procTable.process(daemon)?.zombie).toBe(false);
  process.kill(daemon, "SIGKILL");
});

describe("a plugin that is given up", () => {
  test("comes to its end; the next one is not called", async () => {
    const cancel = new AbortController();
    const adding = new NetworkPlugins().add(attachment("careful", "hangs"), cancel.signal);
    await halfway();
    cancel.abort();
    goOn();
    expect(await adding).toEqual({ ok: false, error: "given up" });
    expect(owner()).toBe("c\n");
  });

  test("is ended when it takes long", async () => {
    const cancel = new AbortController();
    const adding = new NetworkPlugins().add(attachment("hangs"), cancel.signal);
    await halfway();
    cancel.abort();
    expect(await adding).toEqual({ ok: false, error: 'the plugin "hangs" failed at ADD: given up' });
  });
});

describe.skipIf(process.platform !== "linux")("a plugin of an agent that was killed", () => {
  /** Until the plugin is halfway. */
  async function dyingAgent(type: string): Promise<void> {
    const plugins = JSON.stringify(join(ROOT, "src/isolation/linux/network-plugins.ts"));
    const program = `
      const { NetworkPlugins } = await import(${plugins});
      await new NetworkPlugins().add(${JSON.stringify(attachment(type))}, new AbortController().signal);
    `;
    const agent = Bun.spawn([process.execPath, "-e", program], { stdio: ["ignore", "inherit", "inherit"] });
    await halfway();
    agent.kill("SIGKILL");
    await agent.exited;
  }

  const record = () => join(directory, "record");

  test("comes to its end before what it did is undone", async () => {
    await dyingAgent("careful");
    const ending = endPluginsOf(record(), performance.now() + 30_000);
    goOn();
    await ending;
    expect(owner()).toBe("c\n");
  });

  test("is ended when it takes long", async () => {
    await dyingAgent("hangs");
    await endPluginsOf(record(), performance.now());
    const left = Bun.spawnSync(["sh", "-c", `grep -l ${record()} /proc/[0-9]*/environ 2>/dev/null`]);
    expect(left.stdout.toString()).toBe("");
  });
});
