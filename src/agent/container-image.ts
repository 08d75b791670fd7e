/** The image that a container runs in (Mesos ContainerInfo.MesosInfo.image). */
import { fail, ok, type Result } from "../base/result.ts";
import type { ContainerImage, WantedImage } from "../isolation/container.ts";
import type { Image } from "../model/v1/containers.ts";
import type { AgentConfig } from "./types.ts";

/**
 * @param variables the framework's own
 * The error says what this agent cannot give.
 */
export function containerImage(
  image: Image,
  { images }: AgentConfig,
  variables: ContainerImage["ownVariables"],
): Result<ContainerImage> {
  if (images === undefined) {
    return fail("the container asks for an image, and this agent runs none; see --image-providers");
  }
  const wanted = wantedImage(image);
  if (!wanted.ok) return fail(`the container ${wanted.error}`);
  return ok({ ...wanted.value, ownVariables: variables, sandbox: images.sandboxDirectory });
}

/** Errors go on after what it is wanted for. */
export function wantedImage({ type, docker, cached = true }: Image): Result<WantedImage> {
  if (type !== "DOCKER" || docker === undefined) {
    return fail("asks for an image that is not of the type DOCKER; docker and OCI images are such");
  }
  const { name, config } = docker;
  if (config !== undefined && config.value === undefined) {
    return fail(`asks for the image "${name}", whose config is a secret, and no secret resolver is set up`);
  }
  return ok({
    name,
    cached,
    ...(config?.value === undefined ? {} : { dockerConfig: new TextDecoder().decode(config.value.data) }),
  });
}
