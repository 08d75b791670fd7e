/** The flags of mutual TLS on links, the same for masters and agents. */
import { MeshError } from "../base/errors.ts";
import { demandMasterName, type LinkTls, readLinkTls } from "../io/link-tls.ts";
import type { Flags } from "./flags.ts";

/** Undefined: links are plain TCP. Throws MeshError BAD_FLAG for a file that cannot be used. */
export async function tlsOf(flags: Flags, of: "master" | "agent"): Promise<LinkTls | undefined> {
  const names = ["tls-cert", "tls-key", "tls-ca"];
  const missing = names.filter((name) => flags.optional(name) === undefined);
  const masterName = flags.optional("tls-master-name");
  if (missing.length === names.length && masterName === undefined) return undefined;
  if (missing.length > 0) {
    throw new MeshError(
      "BAD_FLAG",
      `Flag --${missing[0]} is missing: --tls-cert, --tls-key and --tls-ca go together, --tls-master-name with them`,
    );
  }
  const files = { cert: flags.text("tls-cert"), key: flags.text("tls-key"), ca: flags.text("tls-ca") };
  const tls: LinkTls = { ...(await readLinkTls(files, Date.now())), masterName };
  if (of === "master") demandMasterName(tls, files.cert);
  return tls;
}
