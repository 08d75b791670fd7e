/** Virtual paths of /files. An agent's port is one; a master has a fixed table. */
export interface FileSpace {
  /** The attached root of a virtual path and the rest below it; undefined when nothing is attached there. */
  resolveFile(virtualPath: string): { readonly root: string; readonly relative: string } | undefined;
  /** Attached virtual path to real path. */
  attachedFiles(): Readonly<Record<string, string>>;
}

/** A table of virtual paths, for example `/master/log` to the log's real path. */
export function fixedFileSpace(attached: Readonly<Record<string, string>>): FileSpace {
  return {
    attachedFiles: () => attached,
    resolveFile(virtualPath) {
      const path = virtualPath.replace(/\/+$/, "");
      const key = Object.keys(attached)
        .filter((candidate) => path === candidate || path.startsWith(`${candidate}/`))
        .sort((a, b) => b.length - a.length)[0];
      const root = key === undefined ? undefined : attached[key];
      if (key === undefined || root === undefined) return undefined;
      return { root, relative: path.slice(key.length + 1) };
    },
  };
}
