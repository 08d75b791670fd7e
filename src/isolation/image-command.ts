/**
 * A container's command and environment joined with what its image says
 * (Mesos isolators/docker/runtime.cpp; the table is in its
 * docs/container-image.md).
 */
import { fail, ok, type Result } from "../base/result.ts";
import type { ContainerCommand, ContainerImage, ContainerSpec } from "./container.ts";
import { DEFAULT_PATH } from "./environment.ts";
import type { ImageConfig, ProvidedImage } from "./images.ts";
import type { Images } from "./runtime.ts";

/** For its root or a volume: it may have to wait for them. */
export function usesImages({ image, mounts = [] }: ContainerSpec): boolean {
  return image !== undefined || mounts.some(({ kind }) => kind === "image");
}

/** The container as it can be planned. The error says why the image and the command make no program. */
export function withImage(
  spec: ContainerSpec,
  image: ContainerImage,
  { config, source, directory }: ProvidedImage,
): Result<ContainerSpec> {
  const command = spec.command.kind === "image" ? imageCommand(spec.command, config) : ok(spec.command);
  if (!command.ok) return fail(`Cannot run the image "${image.name}": ${command.error}`);
  const { workingDir = "" } = config;
  const { image: _joined, ...rest } = spec;
  return ok({
    ...rest,
    command: command.value,
    environment: imageEnvironment(spec.environment, config.env, image.ownVariables),
    root: {
      source,
      directory,
      sandbox: image.sandbox,
      workingDirectory: workingDir.startsWith("/") ? workingDir : image.sandbox,
    },
  });
}

/** The same for one more program in a container that is there. */
export function enteredSpec(given: ContainerSpec, images: Images | undefined): Result<ContainerSpec> {
  const { secrets: _mounted, ...rest } = given;
  // They were made with the container, out of what is not asked for again.
  const mounts = (given.mounts ?? []).filter(({ kind }) => kind !== "image" && kind !== "secret");
  const spec = { ...rest, ...(given.mounts === undefined ? {} : { mounts }) };
  if (spec.image === undefined) return ok(spec);
  const config = images?.configOf(spec.containerId);
  if (config === undefined)
    return fail(`what the image "${spec.image.name}" says of its programs is not known`);
  return withImage(spec, spec.image, { config, source: { kind: "copy" }, directory: "/" });
}

type ImageCommand = Extract<ContainerCommand, { kind: "image" }>;

/** Without a value the image's words come first; a value takes their place, as Mesos has it. */
export function imageCommand(
  { shell, value, arguments: words }: ImageCommand,
  { entrypoint, cmd }: ImageConfig,
): Result<ContainerCommand> {
  if (value !== undefined && value !== "") {
    if (shell) return ok({ kind: "shell", script: value });
    return ok({ kind: "exec", file: value, argv: words.length > 0 ? words : [value] });
  }
  if (shell) return fail("the command is a shell's and has no value; give it one, or set shell to false");
  const [first = "", ...rest] = entrypoint.length > 0 ? entrypoint : cmd;
  if (first === "") return fail("the command has no value, and the image has neither Entrypoint nor Cmd");
  if (entrypoint.length > 0) {
    return ok({ kind: "exec", file: first, argv: [first, ...rest, ...(words.length > 0 ? words : cmd)] });
  }
  return ok({ kind: "exec", file: first, argv: words.length > 0 ? [first, ...words] : [first, ...rest] });
}

/** The image's variables win over the agent's, and the container's own over the image's. */
export function imageEnvironment(
  given: ContainerSpec["environment"],
  env: readonly string[],
  own: ContainerImage["ownVariables"],
): ContainerSpec["environment"] {
  const table = new Map(given);
  for (const text of env) {
    const at = text.indexOf("=");
    if (at > 0) table.set(text.slice(0, at), text.slice(at + 1));
  }
  for (const [name, value] of own) table.set(name, value);
  if (!table.has("PATH")) table.set("PATH", DEFAULT_PATH);
  return [...table];
}
