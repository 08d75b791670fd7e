/** The agent's own program where it is executed once more, to become a task in a root of its own. */
import { enterRoot } from "../isolation/linux/enter-root.ts";
import { ENTER_ROOT_COMMAND } from "../isolation/root.ts";

/** Never returns on such a command line; on another it does nothing. */
export function enterRootIfAsked([command, ...words]: readonly string[]): void {
  if (command === ENTER_ROOT_COMMAND) enterRoot(words);
}
