import { MESOS_API_VERSION } from "../base/version.ts";
import { print } from "./client/output.ts";

/**
 * What this binary is. scripts/build.ts writes the values in; from source they
 * say so.
 */
export interface Build {
  /** Version of mesh: digits and dots only. */
  readonly version: string;
  /** Full commit hash, with `-changed` when the sources differed from it. */
  readonly gitSha: string;
  /** ISO 8601, UTC. */
  readonly buildDate: string;
}

declare const MESH_BUILD: Build;

export const BUILD: Build =
  typeof MESH_BUILD === "undefined"
    ? { version: "0.0.0", gitSha: "source", buildDate: "1970-01-01T00:00:00Z" }
    : MESH_BUILD;

/** `mesh version`. */
export async function showVersion(json: boolean): Promise<number> {
  const text = json
    ? JSON.stringify({ ...BUILD, mesosVersion: MESOS_API_VERSION, bun: Bun.version }, null, 2)
    : `mesh ${BUILD.version} (${BUILD.gitSha.slice(0, 12)}, built ${BUILD.buildDate}, speaks the API of Mesos ${MESOS_API_VERSION})`;
  await print(text);
  return 0;
}
