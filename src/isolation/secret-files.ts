/**
 * Secrets as files of a container (Mesos: isolator volume/secret). The agent
 * hands their bytes over in an open file without a name, which is memory as
 * well (memfd_create(2)). Whoever makes the container's mounts writes them to a
 * ramfs of the container's own, which the kernel never swaps out, and binds
 * them where they are wanted. So they are on no disk, not on a command line, in
 * no variable and in no plan.
 */
import { present } from "../base/assert.ts";
import type { ReadyMount, SecretMount } from "./container.ts";
import type { ScriptPart } from "./mounts.ts";
import type { Owner } from "./runtime.ts";
import type { Host } from "./tools.ts";

/** File descriptor of the bytes of all secrets, one after the other; above the others of the shells. */
export const SECRETS_FD = 6;
/** Options of their file system. */
export const SECRETS_OPTIONS = "mode=0700,nosuid,nodev,noexec";

export interface SecretFiles {
  /** Absolute path of an empty directory. */
  readonly directory: string;
  readonly mounts: readonly SecretMount[];
  /** Of the files; undefined: the agent's user. */
  readonly owner: Owner | undefined;
}

/** Permissions of the file of a secret. */
export function secretMode({ readOnly }: SecretMount): number {
  return readOnly ? 0o400 : 0o600;
}

/** None where no mount is a secret. */
export function secretFiles(
  all: readonly ReadyMount[],
  { secretsDirectory }: Host,
  owner: Owner | undefined,
): { readonly secrets?: SecretFiles } {
  const mounts = all.filter((mount) => mount.kind === "secret");
  if (mounts.length === 0) return {};
  const directory = present(secretsDirectory, "The plan checked for a mount namespace");
  return { secrets: { directory, mounts, owner } };
}

/**
 * Makes the files `<directory>/0`, `1`, …
 * @param otherwise what the script does when that fails
 */
export function secretScript(files: SecretFiles, { tools }: Host, otherwise: string): ScriptPart {
  const { directory, mounts, owner } = files;
  if (mounts.length === 0) return { script: "", words: [] };
  const [mount, dd, chown] = [tools.mount, tools.dd, tools.chown].map((path) =>
    present(path, "The plan checked for the programs that make secrets"),
  );
  const own = owner === undefined ? "" : ` && ${chown} ${owner.uid}:${owner.gid} "$1"`;
  const write = `mesh_secret() { umask "$2" && if [ "$3" = 0 ]; then : >"$1"; else ${dd} bs="$3" count=1 <&${SECRETS_FD} >"$1" 2>/dev/null; fi${own}; }`;
  const script = [
    write,
    `${mount} -c -t ramfs -o ${SECRETS_OPTIONS} mesh "$1" ${otherwise}`,
    "shift",
    ...mounts.map(() => `( mesh_secret "$1" "$2" "$3" ) ${otherwise}\nshift 3`),
  ];
  const words = mounts.flatMap((each, at) => {
    const umask = (0o777 & ~secretMode(each)).toString(8).padStart(4, "0");
    return [`${directory}/${at}`, umask, `${each.bytes}`];
  });
  return { script: script.join("\n"), words: [directory, ...words] };
}
