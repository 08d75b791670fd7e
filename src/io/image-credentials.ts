/**
 * What a docker `config.json` says for registries. Also the older `.dockercfg`,
 * whose registries stand at the top.
 */
import { fail, ok, type Result } from "../base/result.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** By host with port, as images name it. */
export type CredentialTable = ReadonlyMap<string, Credentials>;

export const NO_CREDENTIALS: CredentialTable = new Map();

/** Docker Hub's images are asked for at another host than its users log in to. */
const HUB_HOSTS = ["registry-1.docker.io", "index.docker.io", "docker.io"];

export function parseDockerConfig(text: string): Result<CredentialTable> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    return fail("the docker config is no JSON; give what `docker login` wrote to config.json");
  }
  const fields = fieldsOf(config);
  const auths = fieldsOf(fields["auths"] ?? fields);
  const table = new Map<string, Credentials>();
  for (const [name, entry] of Object.entries(auths)) {
    const credentials = credentialsOf(fieldsOf(entry));
    if (credentials === undefined) continue;
    const host = hostOf(name);
    for (const each of HUB_HOSTS.includes(host) ? HUB_HOSTS : [host]) table.set(each, credentials);
  }
  return ok(table);
}

/** Keys are hosts, or URLs as in "https://index.docker.io/v1/". */
function hostOf(name: string): string {
  return name
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "")
    .toLowerCase();
}

function credentialsOf({ auth, username, password }: Fields): Credentials | undefined {
  if (typeof username === "string" && typeof password === "string") return { user: username, password };
  if (typeof auth !== "string") return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const at = text.indexOf(":");
  return at <= 0 ? undefined : { user: text.slice(0, at), password: text.slice(at + 1) };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
