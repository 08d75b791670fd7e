/**
 * What a container sees mounted, as data, and how that becomes steps of the
 * supervisor's script. The mounts are made in the container's own mount
 * namespace, by its pid 1, before the task exists; they end with it.
 *
 * Two ways, by who can change the path that is mounted on:
 * - Below /proc, /sys and /dev nobody but root can. Such mounts are the same
 *   for all containers of an agent: one `mount --all` with a file (fstabText).
 * - In a sandbox the user of the task has had his hands, or another task of
 *   his has them there now. Each directory on the way is entered for itself
 *   and must be where its name says: a link, also one that appears just now,
 *   leads to a failure and never out of the sandbox (mountScript).
 */
import { assert } from "../base/assert.ts";
import type { ContainerSpec, OverlayMount, ReadyMount } from "./container.ts";

/** A fragment of a script, and the positional parameters that it takes and shifts away. */
export interface ScriptPart {
  readonly script: string;
  readonly words: readonly string[];
}

/**
 * Lines of fstab(5) for `mount --all --fstab`, which makes them all in one
 * process. Only for absolute paths that nobody but root can change. The source
 * of a file system gets a name of its own, since libmount skips what it takes
 * for mounted already.
 */
export function fstabText(mounts: readonly ReadyMount[]): string {
  return mounts.map((mount) => `${fstabFields(mount).map(escaped).join(" ")} 0 0\n`).join("");
}

function fstabFields(mount: ReadyMount): readonly string[] {
  assert(mount.kind === "bind" || mount.kind === "file-system", "What all containers get is of the host");
  if (mount.kind === "file-system") return ["mesh", mount.target, mount.type, mount.options];
  const bind = mount.recursive === true ? "rbind" : "bind";
  return [mount.source, mount.target, "none", mount.readOnly ? `${bind},ro` : bind];
}

/** As getmntent(3) reads fields: octal for blanks and the backslash. */
function escaped(field: string): string {
  return field.replaceAll(/[\\ \t\n#]/g, (each) => `\\${each.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

/**
 * mesh_enter <base> <path>: into the directory `path` below `base`, name by
 * name. The shell then stands in this very directory, whatever its name leads
 * to later; mounts are made on ".", without another look at the path.
 *
 * mesh_bind <base> <path> <base of source, or ""> <source> <--bind|--rbind> <rw, or options of a remount>
 * mesh_new <base> <path> <type> <options>
 * mesh_overlay <base> <path> <directory of the layers> <options>, with names of layers in that directory
 *
 * A mount covers the directory below, in which the shell still stands: for
 * options it goes in again, and must then find what it has mounted.
 */
function functions(mount: string): string {
  return `mesh_enter() {
cd -P -- "$1" || return
mesh_base=\${PWD%/} mesh_left=$2/
while [ -n "$mesh_left" ]; do
mesh_name=\${mesh_left%%/*} mesh_left=\${mesh_left#*/}
[ -n "$mesh_name" ] || continue
mesh_base=$mesh_base/$mesh_name
mesh_why="is a link or no directory"
if cd -P -- "./$mesh_name" 2>/dev/null; then [ "$PWD" = "$mesh_base" ] && continue
elif [ ! -e "./$mesh_name" ] && [ ! -L "./$mesh_name" ]; then mesh_why="${NOT_THERE}"; fi
[ "$1" != / ] || set -- / "/$2"
echo "$mesh_name of the path $2 $mesh_why" >&2
return 1
done
}
mesh_bind() {
if [ -z "$3" ] && [ ! -d "$4" ]; then mesh_file "$@"; return; fi
if [ -n "$3" ]; then mesh_enter "$3" "$4"; else cd -P -- "$4"; fi && exec 8<. &&
mesh_enter "$1" "$2" && ${mount} -c "$5" /proc/self/fd/8 . || return
[ "$6" = rw ] || { mesh_enter "$1" "$2" && [ . -ef /proc/self/fd/8 ] && ${mount} -c -o "remount,bind,$6" .; }
}
mesh_file() {
case $2 in */*) mesh_enter "$1" "\${2%/*}" ;; *) cd -P -- "$1" ;; esac && mesh_name=./\${2##*/} &&
[ -e "$mesh_name" ] && exec 9<"$mesh_name" && [ ! -L "$mesh_name" ] && [ "$mesh_name" -ef /proc/self/fd/9 ] ||
{ [ "$1" != / ] || set -- / "/$2"; echo "the path $2 is a link, or ${NOT_THERE}" >&2; return 1; }
${mount} -c "$5" "$4" /proc/self/fd/9 || return
[ "$6" = rw ] || { exec 9<"$mesh_name" &&
[ "$4" -ef /proc/self/fd/9 ] && ${mount} -c -o "remount,bind,$6" /proc/self/fd/9; }
}
mesh_new() { mesh_enter "$1" "$2" && ${mount} -c -t "$3" -o "$4" mesh .; }
mesh_overlay() { mesh_enter "$1" "$2" && exec 9<. && cd -P -- "$3" && ${OLD_MOUNT_CALL} ${mount} -c -t overlay -o "$4" mesh /proc/self/fd/9; }`;
}

/** Mount points of tasks without an image are the host's, or in the sandbox, where they are made. */
const NOT_THERE =
  "is not there; make it on the agent's machine, or name a place in the sandbox: no / in front";

/** fsconfig(2), which newer mount(8) calls, takes 256 bytes for the names of all layers; mount(2) a page. */
const OLD_MOUNT_CALL = "LIBMOUNT_FORCE_MOUNT2=always";
/** Of what is mounted from images by others than whoever could do the same without. */
const HARMLESS = "nosuid,nodev";

/**
 * Mounts on directories and files that are there. No directory on the way to
 * a target, or to a source inside the sandbox, may be a symbolic link.
 * @param sandbox absolute path for relative targets and sources; trusted itself
 * @param mount absolute path of mount(8) of util-linux
 * @param otherwise what the script does when a mount fails, such as `|| exit 1`
 * @param secrets directory of the files for secrets, numbered
 */
export function mountScript(
  mounts: readonly ReadyMount[],
  sandbox: string,
  mount: string,
  otherwise: string,
  secrets = "",
): ScriptPart {
  if (mounts.length === 0) return { script: "", words: [] };
  let secret = 0;
  const calls = mounts.map((each) =>
    callOf(each, sandbox, each.kind === "secret" ? `${secrets}/${secret++}` : ""),
  );
  return {
    // Each in a subshell, a fork: the shell itself stays where it is.
    script: [
      functions(mount),
      ...calls.map(([name, ...words]) => {
        const parameters = words.map((_, at) => `"$${at + 1}"`).join(" ");
        return `( ${name} ${parameters} ) ${otherwise}\nshift ${words.length}`;
      }),
    ].join("\n"),
    words: calls.flatMap(([, ...words]) => words),
  };
}

function callOf(
  each: ReadyMount,
  sandbox: string,
  secret: string,
): readonly [name: string, ...words: string[]] {
  const place = each.target.startsWith("/") ? ["/", each.target.slice(1)] : [sandbox, each.target];
  const access = each.kind !== "file-system" && each.readOnly ? "ro" : "rw";
  switch (each.kind) {
    case "file-system":
      return ["mesh_new", ...place, each.type, each.options];
    case "overlay":
      return ["mesh_overlay", ...place, each.source.layersDirectory, overlayOptions(each, access)];
    case "secret":
      return ["mesh_bind", ...place, "", secret, "--bind", `${access},${HARMLESS}`];
    case "bind":
  }
  const how = [each.recursive === true ? "--rbind" : "--bind"];
  how.push(each.harmless === true ? `${access},${HARMLESS}` : access);
  const from = each.source.startsWith("/") ? "" : (each.sourceBase ?? sandbox);
  return ["mesh_bind", ...place, from, each.source, ...how];
}

/** Those that can be made; a container with others is refused, see invalid-spec.ts. */
export function readyMounts({ mounts = [] }: Pick<ContainerSpec, "mounts">): readonly ReadyMount[] {
  return mounts.filter((mount) => mount.kind !== "image");
}

/** Names of layers are relative to their directory: all options must fit a page. */
export function overlayOptions({ source }: Pick<OverlayMount, "source">, access: "ro" | "rw"): string {
  const { layers, upper, work } = source;
  return `${access},${HARMLESS},lowerdir=${layers.join(":")},upperdir=${upper},workdir=${work}`;
}
