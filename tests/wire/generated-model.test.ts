import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { generateModel } from "../../scripts/generate-model.ts";

const FOLDER = new URL("../../src/model/v1/", import.meta.url);

test("src/model/v1 is what `bun scripts/generate-model.ts` writes", async () => {
  const texts = generateModel();
  expect(readdirSync(FOLDER).sort()).toEqual([...texts.keys()].sort());
  for (const [name, text] of texts) expect(await Bun.file(new URL(name, FOLDER)).text()).toBe(text);
});
