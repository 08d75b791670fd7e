/** What overlayfs needs: its marks in layers, and whether it can be mounted at a place. */
import { mkdirSync, rmSync } from "node:fs";
import { fail, ok, type Result } from "../../base/result.ts";
import type { OverlayMarks } from "../images.ts";
import { Libc } from "./libc.ts";

/** Type of a character device, without permissions. */
const CHARACTER_DEVICE = 0o020000;
const TOOL_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Throws when there is no C library to call. Its marks need CAP_MKNOD and CAP_SYS_ADMIN. */
export function overlayMarks(): OverlayMarks {
  const libc = new Libc();
  return {
    remove: (path) => libc.mknod(path, CHARACTER_DEVICE, 0, 0),
    opaque: (path) => libc.setXattr(path, "trusted.overlay.opaque", "y"),
  };
}

/** Tries it with directories below `directory`, in a mount namespace of its own. */
export function tryOverlay(directory: string): Result<void> {
  const base = `${directory}/try-overlay`;
  const [unshare, mount] = ["unshare", "mount"].map((name) => Bun.which(name, { PATH: TOOL_PATH }));
  if (unshare == null || mount == null) return fail("unshare or mount (util-linux) is not installed");
  try {
    for (const name of ["lower", "upper", "work", "root"]) mkdirSync(`${base}/${name}`, { recursive: true });
    const options = "lowerdir=lower,upperdir=upper,workdir=work";
    const { exitCode, stderr } = Bun.spawnSync(
      [unshare, "--mount", mount, "-t", "overlay", "-o", options, "mesh", "root"],
      { cwd: base, stdin: "ignore", env: { LC_ALL: "C" } },
    );
    return exitCode === 0 ? ok(undefined) : fail(stderr.toString().trim());
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}
