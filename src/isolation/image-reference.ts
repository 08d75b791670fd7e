/**
 * Names of images as docker writes them: `[registry[:port]/]repository[:tag][@digest]`
 * (grammar: the reference package of the distribution project; Mesos
 * src/docker/spec.cpp). The first part is a registry when it has a dot, a
 * colon, or is `localhost`.
 */
import { IMAGE_NAME_MAX_CHARS } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";

export interface ImageReference {
  /** `host[:port]`; absent: the agent's default registry. */
  readonly registry?: string;
  /** As it is written, without `library/`. */
  readonly repository: string;
  /** A digest, if there is one, else the tag. */
  readonly tag?: string;
  readonly digest?: string;
}

const REGISTRY = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function parseImageReference(name: string): Result<ImageReference> {
  const bad = (reason: string): Result<never> =>
    fail(
      `The image name "${name.slice(0, IMAGE_NAME_MAX_CHARS)}" ${reason}; write it as [registry/]repository[:tag][@digest]`,
    );
  if (name.length > IMAGE_NAME_MAX_CHARS) return bad(`is longer than ${IMAGE_NAME_MAX_CHARS} characters`);
  const [named = "", digest, ...more] = name.split("@");
  if (more.length > 0) return bad('has more than one "@"');
  if (digest !== undefined && !DIGEST.test(digest))
    return bad("has a digest that is not sha256:<64 hexadecimal digits>");
  const slash = named.indexOf("/");
  const first = slash === -1 ? "" : named.slice(0, slash);
  const hasRegistry = first === "localhost" || first.includes(".") || first.includes(":");
  const rest = hasRegistry ? named.slice(slash + 1) : named;
  if (hasRegistry && !REGISTRY.test(first)) return bad(`names no registry with "${first}"`);
  const colon = rest.lastIndexOf(":");
  const repository = colon === -1 ? rest : rest.slice(0, colon);
  const tag = colon === -1 ? undefined : rest.slice(colon + 1);
  if (!REPOSITORY.test(repository)) return bad("has no valid repository");
  if (tag !== undefined && !TAG.test(tag)) return bad(`has the tag "${tag}", which is none`);
  return ok({
    ...(hasRegistry ? { registry: first } : {}),
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  });
}

/** What a registry is asked for: the digest, else the tag, else `latest`. */
export function manifestName({ tag, digest }: ImageReference): string {
  return digest ?? tag ?? "latest";
}
