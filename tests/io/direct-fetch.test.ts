import { afterAll, expect, test } from "bun:test";
import { resolve } from "node:path";

const serve = (text: string) =>
  Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(text) });
const [target, proxy] = [serve("target"), serve("proxy")];
afterAll(async () => {
  for (const server of [target, proxy]) await server.stop(true);
});

test("a proxy of the environment is for others, before and after", async () => {
  const script = `
    import { directFetch } from "${resolve(import.meta.dir, "../../src/io/direct-fetch.ts")}";
    const said = [];
    for (const by of [fetch, directFetch, fetch]) said.push(await (await by("${target.url}")).text());
    console.log(JSON.stringify([said, process.env.NO_PROXY ?? null, process.env.no_proxy ?? null]));`;
  for (const [variable, noProxy] of [
    ["http_proxy", { no_proxy: "example.org" }],
    ["HTTP_PROXY", {}],
  ] as const) {
    const env = { PATH: process.env["PATH"] ?? "", [variable]: proxy.url.href, ...noProxy };
    const child = Bun.spawn([process.execPath, "-e", script], { env, stdout: "pipe" });
    const said = JSON.parse(await new Response(child.stdout).text()) as unknown;
    expect(said).toEqual([
      ["proxy", "target", "proxy"],
      null,
      "no_proxy" in noProxy ? noProxy.no_proxy : null,
    ]);
  }
});
