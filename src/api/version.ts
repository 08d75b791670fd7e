/** /version and GET_VERSION. */
import { MESOS_API_VERSION } from "../base/version.ts";
import type { VersionInfo } from "../model/v1/frameworks.ts";
import type { BuildInfo } from "./context.ts";
import { double, type JsonText, quote } from "./json-text.ts";

export function versionMessage(build: BuildInfo): VersionInfo {
  return {
    version: MESOS_API_VERSION,
    build_date: new Date(build.builtAtMs).toISOString().slice(0, 19).replace("T", " "),
    build_time: build.builtAtMs / 1_000,
    build_user: build.user,
    ...(build.gitSha !== undefined && { git_sha: build.gitSha }),
    git_tag: `mesh-${build.version}`,
  };
}

/** Members of /version, which /state repeats. */
export function versionMembers(build: BuildInfo): Record<string, JsonText | undefined> {
  const {
    version,
    build_date = "",
    build_time = 0,
    build_user = "",
    git_sha,
    git_tag,
  } = versionMessage(build);
  return {
    build_date: quote(build_date),
    build_time: double(build_time),
    build_user: quote(build_user),
    version: quote(version),
    git_sha: git_sha === undefined ? undefined : quote(git_sha),
    git_tag: git_tag === undefined ? undefined : quote(git_tag),
  };
}
