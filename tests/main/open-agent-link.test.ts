import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import type { AcceptedLink } from "../../src/io/agent-link.ts";
import { listenForLinks } from "../../src/io/link-listener.ts";
import { openLink } from "../../src/main/open-agent-link.ts";
import type { AgentToMaster } from "../../src/model/agent-protocol.ts";
import { decodeMsgpack } from "../../src/wire/msgpack.ts";

const MIB = 1024 * 1024;

test("messages of executors end no link: what does not fit of them is dropped, updates arrive", async () => {
  const accepted: AcceptedLink[] = [];
  const heard: unknown[] = [];
  const arrived = Promise.withResolvers<void>();
  const listener = listenForLinks({
    hostname: "127.0.0.1",
    port: 0,
    cluster: "mesh",
    log: silentLog,
    onPeerMessage() {},
    onPeerClosed() {},
    onAgentLink(link) {
      accepted.push(link);
      link.pause();
      return {
        onMessage(payload) {
          const message = decodeMsgpack(payload);
          const kind = message.ok ? (message.value as AgentToMaster).kind : "none";
          heard.push(kind);
          if (kind === "pong") arrived.resolve();
        },
        onClose() {},
      };
    },
  });
  const closed: string[] = [];
  const leader = {
    masterId: "m",
    hostname: "127.0.0.1",
    port: 0,
    linkHostname: "127.0.0.1",
    linkPort: listener.port,
  };
  const link = await openLink(leader, { onMessage() {}, onClose: (why) => closed.push(why) }, "a", undefined);
  if (!link.ok) throw new Error(link.error);
  const ids = { frameworkId: "f", executorId: "e" };
  for (let i = 0; i < 8; i++) {
    link.value.send({ kind: "executor-message", ...ids, data: new Uint8Array(7 * MIB) });
  }
  link.value.send({ kind: "pong", nonce: 1 });
  expect(closed).toEqual([]);
  for (const each of accepted) each.resume();
  await arrived.promise;
  expect(heard).toEqual(["executor-message", "pong"]);
  link.value.close();
  listener.close();
});
