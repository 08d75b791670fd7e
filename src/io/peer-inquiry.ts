/** Asks another master who it is, without becoming its peer. */
import { fail, ok, type Result } from "../base/result.ts";
import { dial } from "./dial.ts";
import { LINK_VERSION, type MemberFacts } from "./link-hello.ts";
import type { LinkTls } from "./link-tls.ts";

export interface Inquiry {
  /** Raft address, "host:port", of the master asked. */
  readonly address: string;
  readonly cluster: string;
  /** Member id of the one that asks. */
  readonly from: string;
  /** Its --peers: the other one refuses if its own differ. */
  readonly peers: readonly string[];
  readonly tls?: LinkTls | undefined;
}

/** The error says why there is no answer, or why it is a refusal. */
export function askPeer({ address, cluster, from, peers, tls }: Inquiry): Promise<Result<MemberFacts>> {
  const colon = address.lastIndexOf(":");
  return new Promise((resolve) => {
    const connection = dial({
      hostname: address.slice(0, colon).replace(/^\[|\]$/g, ""),
      port: Number(address.slice(colon + 1)),
      tls,
      hello: { kind: "peer", cluster, from, version: LINK_VERSION, peers },
      onWelcome: (_cluster, member) => {
        resolve(member === undefined ? fail("it does not say who it is") : ok(member));
        connection.close();
      },
      onMessage: () => connection.close(),
      // After a welcome this changes nothing.
      onClose: (reason) => resolve(fail(reason)),
    });
  });
}
