/** Flags of mount(2) (include/uapi/linux/mount.h). */
export const READ_ONLY = 1;
export const NO_SETUID = 2;
export const NO_DEVICES = 4;
export const NO_EXECUTION = 8;
export const REMOUNT = 32;
export const BIND = 4_096;
export const RECURSIVE = 16_384;

const FLAG_OF: Readonly<Record<string, number>> = {
  ro: READ_ONLY,
  nosuid: NO_SETUID,
  nodev: NO_DEVICES,
  noexec: NO_EXECUTION,
};

/** Options as for mount -o, as mount(2) takes them: what it has no flag for is the file system's. */
export function mountOptions(options: string): { readonly flags: number; readonly data: string } {
  const words = options.split(",").filter((word) => word !== "" && word !== "rw");
  const flags = words.reduce((sum, word) => sum | (FLAG_OF[word] ?? 0), 0);
  return { flags, data: words.filter((word) => FLAG_OF[word] === undefined).join(",") };
}
