/** Tasks on networks of their own, through master, agent and Debian's plugins, over deaths of the agent. */
import { test } from "bun:test";
import { join } from "node:path";
import { expectChecksInOwnNetwork, mayJoinNetworks } from "../support/own-network.ts";

const TIMEOUT_MS = 180_000;

test.skipIf(!mayJoinNetworks())(
  "tasks join networks; addresses and ports are free after their end, whatever ends the agent",
  () => expectChecksInOwnNetwork(join(import.meta.dir, "networks-guest.ts"), 22, TIMEOUT_MS),
  TIMEOUT_MS,
);

test.skipIf(!mayJoinNetworks())(
  "kill -9 of the agent at random moments of launches on networks",
  () => expectChecksInOwnNetwork(join(import.meta.dir, "network-kills-guest.ts"), 7, TIMEOUT_MS),
  TIMEOUT_MS,
);
