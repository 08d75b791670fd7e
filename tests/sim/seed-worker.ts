/** A process of the seed pool: runs the blocks it is sent until the pool lets go of it. */
import { runBlock, type SeedBlock } from "./seed-block.ts";

process.on("message", (block: SeedBlock) => {
  process.send?.(runBlock(block));
});
process.on("disconnect", () => process.exit(0));
