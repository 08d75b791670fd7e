/** The two ends of handing secrets over, see ../secret-files.ts. */
import { closeSync, constants, fchownSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { SECRETS_FD, SECRETS_OPTIONS, type SecretFiles, secretMode } from "../secret-files.ts";
import { Libc } from "./libc.ts";
import { mountOptions } from "./mount-flags.ts";

/** The bytes of all of them in an open file that is memory, to be read from its beginning. Throws. */
export function openSecrets(secrets: readonly Uint8Array[]): number {
  const file = new Libc().memoryFile("mesh-secrets");
  let at = 0;
  for (const bytes of secrets) {
    for (let done = 0; done < bytes.length; )
      done += writeSync(file, bytes, done, bytes.length - done, at + done);
    at += bytes.length;
  }
  return file;
}

/** In the process that enters a root, in the mount namespace of the container: the paths of the files. */
export function makeSecrets(libc: Libc, files: SecretFiles | undefined): readonly string[] {
  if (files === undefined) return [];
  const { directory, mounts, owner } = files;
  const { flags, data } = mountOptions(SECRETS_OPTIONS);
  libc.mount("mesh", directory, "ramfs", flags, data);
  const paths = mounts.map((mount, at) => {
    const path = `${directory}/${at}`;
    const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, secretMode(mount));
    const bytes = new Uint8Array(mount.bytes);
    const count = readSync(SECRETS_FD, bytes, 0, mount.bytes, null);
    if (count !== mount.bytes) throw new Error(`the secret for "${mount.target}" was not handed over`);
    writeSync(file, bytes);
    if (owner !== undefined) fchownSync(file, owner.uid, owner.gid);
    if (fstatSync(file).size !== mount.bytes)
      throw new Error(`the secret for "${mount.target}" is not whole`);
    closeSync(file);
    return path;
  });
  closeSync(SECRETS_FD);
  return paths;
}
