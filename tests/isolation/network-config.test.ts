import { describe, expect, test } from "bun:test";
import {
  hasCheck,
  type NetworkConfig,
  readNetworkConfig,
  unmetRequest,
} from "../../src/isolation/network-config.ts";

function read(config: object): NetworkConfig {
  const found = readNetworkConfig(JSON.stringify(config));
  if (!found.ok) throw new Error(found.error);
  return found.value;
}

describe("a network in a file", () => {
  test("is a list of plugins", () => {
    const plugins = [
      { type: "bridge", bridge: "b0", ipam: { type: "host-local" } },
      { type: "portmap", capabilities: { portMappings: true, ips: false } },
    ];
    expect(read({ cniVersion: "1.0.0", name: "web", disableCheck: true, plugins })).toEqual({
      name: "web",
      cniVersion: "1.0.0",
      disableCheck: true,
      plugins: [
        { type: "bridge", capabilities: [], config: { bridge: "b0", ipam: { type: "host-local" } } },
        { type: "portmap", capabilities: ["portMappings"], config: {} },
      ],
    });
  });

  test("or one plugin, of the oldest version when it names none", () => {
    expect(read({ name: "web", type: "bridge", mtu: 1400 })).toEqual({
      name: "web",
      cniVersion: "0.2.0",
      disableCheck: false,
      plugins: [{ type: "bridge", capabilities: [], config: { mtu: 1400 } }],
    });
  });

  test("or Mesos' port mapper, which stands for its delegate and portmap", () => {
    const delegate = { type: "bridge", bridge: "b0" };
    const { plugins } = read({ name: "web", type: "mesos-cni-port-mapper", chain: "X", delegate });
    expect(plugins.map(({ type }) => type)).toEqual(["bridge", "portmap"]);
    expect(plugins[1]?.capabilities).toEqual(["portMappings"]);
  });

  const wrong = [
    ["{", "it is no JSON"],
    ["[]", "it is no JSON object"],
    ['{"type": "bridge"}', "its name"],
    ['{"name": "../x", "type": "bridge"}', 'its name "../x" must be letters'],
    ['{"name": "a", "cniVersion": "9.0.0", "type": "bridge"}', 'its cniVersion "9.0.0" is none of 0.1.0'],
    ['{"name": "a", "plugins": []}', "a list that is not empty"],
    ['{"name": "a", "plugins": [1]}', "no JSON object"],
    ['{"name": "a", "type": "../sh"}', 'the type "../sh" of a plugin is no plain file name'],
    ['{"name": "a", "plugins": [{"type": ".."}]}', "no plain file name"],
  ] as const;
  test.each(wrong)("%s cannot be used", (text, error) => {
    const found = readNetworkConfig(text);
    expect(found.ok ? "" : found.error).toContain(error);
  });
});

test("CHECK came with 0.4.0", () => {
  const versions = ["0.2.0", "0.3.1", "0.4.0", "1.0.0"];
  const has = versions.map((cniVersion) => hasCheck(read({ name: "a", type: "b", cniVersion })));
  expect(has).toEqual([false, false, true, true]);
});

test("ports need a plugin that maps them", () => {
  const ports = { port_mappings: [{ host_port: 1, container_port: 2 }] };
  const capabilities = { portMappings: true };
  expect(unmetRequest(read({ name: "a", type: "b" }), {})).toBeUndefined();
  expect(unmetRequest(read({ name: "a", type: "b" }), ports)).toContain('network "a" maps no ports');
  expect(unmetRequest(read({ name: "a", type: "b", capabilities }), ports)).toBeUndefined();
});
