import { describe, expect, test } from "bun:test";
import { manifestName, parseImageReference } from "../../src/isolation/image-reference.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("names of images", () => {
  test.each([
    ["alpine", { repository: "alpine" }],
    ["library/alpine:3.20", { repository: "library/alpine", tag: "3.20" }],
    ["localhost/a", { registry: "localhost", repository: "a" }],
    ["127.0.0.1:5000/team/app", { registry: "127.0.0.1:5000", repository: "team/app" }],
    ["[::1]:5000/app:x", { registry: "[::1]:5000", repository: "app", tag: "x" }],
    ["gcr.io/distroless/static", { registry: "gcr.io", repository: "distroless/static" }],
    [`team/app:1@${DIGEST}`, { repository: "team/app", tag: "1", digest: DIGEST }],
  ])("%s", (name, expected) => {
    const read = parseImageReference(name);
    expect(read).toEqual({ ok: true, value: expected });
  });

  test.each([
    ["", "no valid repository"],
    ["Alpine", "no valid repository"],
    ["a//b", "no valid repository"],
    ["../etc", 'names no registry with ".."'],
    ["alpine:", "the tag"],
    ["alpine:a/b", 'names no registry with "alpine:a"'],
    ["alpine@sha256:12", "digest"],
    [`a@${DIGEST}@${DIGEST}`, 'more than one "@"'],
    ["a".repeat(600), "longer than 512"],
  ])("refuses %s", (name, reason) => {
    const read = parseImageReference(name);
    expect(read.ok ? "" : read.error).toContain(reason);
  });

  test("a digest goes before a tag, and no tag is latest", () => {
    expect(manifestName({ repository: "a" })).toBe("latest");
    expect(manifestName({ repository: "a", tag: "1", digest: DIGEST })).toBe(DIGEST);
  });
});
