import { expect, test } from "bun:test";
import { Flags } from "../../src/main/flags.ts";
import { NETWORK_FLAGS, readNetworkFlags } from "../../src/main/network-flags.ts";

function read(given: Record<string, string>, environment: Record<string, string> = {}) {
  const values = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readNetworkFlags(new Flags(NETWORK_FLAGS, values, environment));
}

const DIRECTORIES = {
  "network-cni-config-dir": "/etc/cni",
  "network-cni-plugins-dir": "/usr/lib/cni:/opt/cni",
};

test("without flags there are no networks", () => {
  expect(read({})).toEqual({ configDirectory: undefined, pluginDirectories: [], defaultDns: [] });
});

test("all of them, also as Mesos' variables", () => {
  const dns = JSON.stringify({
    mesos: [
      { network_mode: "CNI", dns: { nameservers: ["10.0.0.53"] } },
      { network_mode: "CNI", network_name: "web", dns: { search: ["a.test"], options: ["ndots:3"] } },
    ],
    docker: [{ network_mode: "BRIDGE", dns: { nameservers: ["10.0.0.54"] } }],
  });
  const expected = {
    configDirectory: "/etc/cni",
    pluginDirectories: ["/usr/lib/cni", "/opt/cni"],
    defaultDns: [
      {
        network: undefined,
        dns: { nameservers: ["10.0.0.53"], domain: undefined, search: [], options: [] },
      },
      {
        network: "web",
        dns: { nameservers: [], domain: undefined, search: ["a.test"], options: ["ndots:3"] },
      },
    ],
  };
  expect(read({ ...DIRECTORIES, "default-container-dns": dns })).toEqual(expected);
  const variables = {
    MESOS_NETWORK_CNI_CONFIG_DIR: "/etc/cni",
    MESOS_NETWORK_CNI_PLUGINS_DIR: "/usr/lib/cni:/opt/cni",
    MESOS_DEFAULT_CONTAINER_DNS: dns,
  };
  expect(read({}, variables)).toEqual(expected);
});

const entry = (more: object): string => JSON.stringify({ mesos: [{ network_mode: "CNI", ...more }] });
const twice = { network_mode: "CNI", dns: { nameservers: ["1.1.1.1"] } };
const wrong = [
  [{ "network-cni-config-dir": "/etc/cni" }, "--network-cni-plugins-dir beside it"],
  [{ "network-cni-plugins-dir": "/etc/cni" }, "--network-cni-config-dir beside it"],
  [{ ...DIRECTORIES, "network-cni-plugins-dir": ":" }, "directories such as"],
  [{ "default-container-dns": "{" }, "--default-container-dns"],
  [{ "default-container-dns": '{"mesos": 1}' }, "--default-container-dns"],
  [{ "default-container-dns": entry({ dns: {} }) }, "--default-container-dns"],
  [
    { "default-container-dns": entry({ network_mode: "USER", dns: { domain: "a" } }) },
    "--default-container-dns",
  ],
  [{ "default-container-dns": JSON.stringify({ mesos: [twice, twice] }) }, "each network_name once"],
] as const;
test.each(wrong)("%j is refused", (given, message) => {
  expect(() => read(given as Record<string, string>)).toThrow(message);
});
