/**
 * Ids of containers inside containers (ContainerID.parent) as text: the ids
 * from the outermost in, joined by dots. No id holds one.
 */
import type { ContainerID } from "./v1/ids.ts";

const SEPARATOR = ".";

export function containerIdText({ value, parent }: ContainerID): string {
  return parent === undefined ? value : `${containerIdText(parent)}${SEPARATOR}${value}`;
}

export function containerIdFrom(text: string): ContainerID {
  const parent = parentContainer(text);
  return parent === undefined ? { value: text } : { value: ownPart(text), parent: containerIdFrom(parent) };
}

/** Undefined for one that is inside no other. */
export function parentContainer(text: string): string | undefined {
  const at = text.lastIndexOf(SEPARATOR);
  return at === -1 ? undefined : text.slice(0, at);
}

/** The outermost one that it is inside, or itself. */
export function rootContainer(text: string): string {
  return text.split(SEPARATOR, 1)[0] ?? text;
}

/** Its id without those of its parents. */
export function ownPart(text: string): string {
  return text.slice(text.lastIndexOf(SEPARATOR) + 1);
}

export function childContainer(parent: string, value: string): string {
  return `${parent}${SEPARATOR}${value}`;
}
