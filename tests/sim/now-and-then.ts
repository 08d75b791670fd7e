import type { Random } from "../../src/base/random.ts";
import type { World } from "./world.ts";

/** Acts at random moments, `meanMs` apart on average, until the function that it returns is called. */
export function nowAndThen(world: World, random: Random, meanMs: number, act: () => void): () => void {
  let active = true;
  const next = (): void => {
    world.after(2 * meanMs * random.fraction(), () => {
      if (!active) return;
      act();
      next();
    });
  };
  next();
  return () => {
    active = false;
  };
}
