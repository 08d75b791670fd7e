import { describe, expect, test } from "bun:test";
import { TarScan } from "../../src/io/tar-scan.ts";
import { type TarEntry, tarOf } from "../support/tar-writer.ts";

/** In pieces of several sizes: all must give the same. */
function scanned(archive: Uint8Array): TarScan {
  const scans = [archive.length, 512, 700, 33].map((piece) => {
    const scan = new TarScan();
    for (let at = 0; at < archive.length; at += piece) scan.push(archive.subarray(at, at + piece));
    return scan;
  });
  const [first = new TarScan()] = scans;
  for (const scan of scans) {
    expect(scan.problem).toEqual(first.problem);
    expect(scan.whiteouts).toEqual(first.whiteouts);
    expect(scan.complete).toBe(first.complete);
  }
  return first;
}

describe("a layer's archive", () => {
  test("its whiteouts are found, whatever form its names have", () => {
    const deep = `${"d".repeat(90)}/${"e".repeat(90)}`;
    const scan = scanned(
      tarOf([
        { name: "./", type: "directory" },
        { name: "etc/.wh.passwd" },
        { name: "./var/cache/.wh..wh..opq" },
        { name: ".wh..wh.aufs" },
        { name: ".wh.top" },
        { name: `${deep}/.wh.far` },
        { name: "x", pax: { path: "pax/.wh.named" } },
        { name: "content", content: "etc/.wh.not-a-name".repeat(100) },
        { name: ".wh..wh..opq" },
      ]),
    );
    expect(scan.problem).toBeUndefined();
    expect(scan.complete).toBe(true);
    expect(scan.whiteouts).toEqual({
      removed: ["etc/passwd", "top", `${deep}/far`, "pax/named"],
      opaque: ["var/cache", ""],
    });
  });

  const evil: readonly (readonly [string, TarEntry])[] = [
    ["a name that leads out", { name: "../../etc/passwd" }],
    ["one in the middle of a path", { name: "a/../../b" }],
    ["one in a pax header", { name: "a", pax: { path: "a/../../b" } }],
    ["a hard link that leads out", { name: "a", type: "hardlink", link: "../../etc/shadow" }],
    ["a whiteout of the parent", { name: "a/.wh..." }],
    ["an entry below a whiteout", { name: ".wh.a/b" }],
  ];
  test.each(evil)("refuses %s", (_what, entry) => {
    expect(scanned(tarOf([entry])).problem).toBeString();
  });

  test("one that breaks off is not complete", () => {
    const archive = tarOf([{ name: "a", content: "x".repeat(2_000) }]);
    expect(scanned(archive.subarray(0, 1_000)).complete).toBe(false);
    expect(scanned(archive.subarray(0, 100)).complete).toBe(false);
  });

  test("what is no archive has a problem", () => {
    expect(scanned(new TextEncoder().encode("no archive ".repeat(100))).problem).toContain("no tar archive");
  });
});
