import { describe, expect, test } from "bun:test";
import {
  type Attachment,
  callOrder,
  type NetworkCommand,
  pluginCall,
} from "../../src/isolation/network-call.ts";
import { readNetworkConfig } from "../../src/isolation/network-config.ts";
import type { NetworkInfo } from "../../src/model/v1/containers.ts";

function attachment(cniVersion: string, request: NetworkInfo): Attachment {
  const config = readNetworkConfig(
    JSON.stringify({
      cniVersion,
      name: "web",
      plugins: [
        { type: "bridge", capabilities: { ips: true }, args: { own: 1, cni: { kept: true } } },
        { type: "portmap", capabilities: { portMappings: true } },
      ],
    }),
  );
  if (!config.ok) throw new Error(config.error);
  return {
    containerId: "c1",
    namespacePath: "/run/ns",
    interfaceName: "eth0",
    config: config.value,
    request,
    recordPath: "/w/networks/c1",
    pluginPath: "/a:/b",
  };
}

function call(command: NetworkCommand, from: Attachment, at: number, previous?: object) {
  const plugin = from.config.plugins[at];
  if (plugin === undefined) throw new Error("No such plugin");
  const { environment, input } = pluginCall(command, from, plugin, previous as Record<string, unknown>);
  return { environment, input: JSON.parse(input) as Record<string, unknown> };
}

describe("a call of a plugin", () => {
  const request: NetworkInfo = {
    name: "web",
    ip_addresses: [{ protocol: "IPv4", ip_address: "10.0.0.7" }],
    labels: { labels: [{ key: "k", value: "v" }] },
    port_mappings: [
      { host_port: 80, container_port: 8080 },
      { host_port: 53, container_port: 5353, protocol: "UDP" },
    ],
  };

  test("has its parameters in the environment, and nothing else", () => {
    expect(call("ADD", attachment("1.0.0", request), 0).environment).toEqual({
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/run/ns",
      CNI_IFNAME: "eth0",
      CNI_PATH: "/a:/b",
      MESH_NETWORK_RECORD: "/w/networks/c1",
    });
  });

  test("tells what the framework said in Mesos' way and in the common ones", () => {
    expect(call("ADD", attachment("1.0.0", request), 0).input).toEqual({
      cniVersion: "1.0.0",
      name: "web",
      type: "bridge",
      args: {
        own: 1,
        cni: { kept: true, ips: ["10.0.0.7"], labels: [{ key: "k", value: "v" }] },
        "org.apache.mesos": { network_info: request },
      },
      runtimeConfig: { ips: ["10.0.0.7"] },
    });
    expect(call("ADD", attachment("1.0.0", request), 1).input["runtimeConfig"]).toEqual({
      portMappings: [
        { hostPort: 80, containerPort: 8080, protocol: "tcp" },
        { hostPort: 53, containerPort: 5353, protocol: "udp" },
      ],
    });
  });

  test("ADD gets what the plugin before it answered; DEL and CHECK the whole, since 0.4.0", () => {
    const result = { ips: [] };
    const previous = (command: NetworkCommand, version: string) =>
      call(command, attachment(version, request), 1, result).input["prevResult"];
    expect(previous("ADD", "0.3.1")).toEqual(result);
    expect(previous("DEL", "0.3.1")).toBeUndefined();
    expect(previous("DEL", "0.4.0")).toEqual(result);
    expect(previous("CHECK", "1.0.0")).toEqual(result);
    expect(call("DEL", attachment("1.0.0", request), 1).input).not.toHaveProperty("prevResult");
  });

  test("DEL goes backwards", () => {
    const { config } = attachment("1.0.0", request);
    expect(callOrder("ADD", config).map(({ type }) => type)).toEqual(["bridge", "portmap"]);
    expect(callOrder("CHECK", config).map(({ type }) => type)).toEqual(["bridge", "portmap"]);
    expect(callOrder("DEL", config).map(({ type }) => type)).toEqual(["portmap", "bridge"]);
  });

  test("a namespace that is gone has no name", () => {
    const gone = { ...attachment("1.0.0", {}), namespacePath: undefined };
    expect(call("DEL", gone, 0).environment["CNI_NETNS"]).toBe("");
  });
});
