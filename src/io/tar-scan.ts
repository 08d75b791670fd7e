/**
 * Reads the headers of a tar archive while it passes by, for what must be
 * known before its content is used: names that lead out, and the whiteouts of
 * a layer. Formats: ustar, pax and GNU (POSIX.1-2017 pax; tar(5) of libarchive).
 * Whiteouts: OCI image-spec layer.md, "Whiteouts".
 */
import { TAR_HEADER_VALUE_MAX_BYTES } from "../base/limits.ts";

const BLOCK_BYTES = 512;
const WHITEOUT = ".wh.";
/** Hides all that lower layers have in its directory. */
const OPAQUE = ".wh..wh..opq";
const decoder = new TextDecoder();

/** What a layer hides of the layers below it; paths without a slash at their ends. */
export interface Whiteouts {
  readonly removed: readonly string[];
  /** Directories, "" being the root. */
  readonly opaque: readonly string[];
}

export class TarScan {
  /** Why the archive must not be unpacked. */
  problem: string | undefined;
  /** It ended as archives do, or at least not within an entry. */
  get complete(): boolean {
    return this.#skip === 0 && this.#filled === 0 && this.#value === undefined;
  }

  readonly #removed: string[] = [];
  readonly #opaque: string[] = [];
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #filled = 0;
  /** Bytes of content and padding still to come. */
  #skip = 0;
  /** Content that describes the next entry. */
  #value: { readonly kind: "pax" | "name" | "link"; readonly bytes: Uint8Array; filled: number } | undefined;
  #name: string | undefined;
  #link: string | undefined;
  #size: number | undefined;

  get whiteouts(): Whiteouts {
    return { removed: this.#removed, opaque: this.#opaque };
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.problem === undefined) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#keep(chunk.subarray(at, at + step));
        this.#skip -= step;
        at += step;
        if (this.#skip === 0) this.#valueEnds();
        continue;
      }
      const step = Math.min(BLOCK_BYTES - this.#filled, chunk.length - at);
      this.#block.set(chunk.subarray(at, at + step), this.#filled);
      this.#filled += step;
      at += step;
      if (this.#filled < BLOCK_BYTES) return;
      this.#filled = 0;
      this.#header();
    }
  }

  #keep(bytes: Uint8Array): void {
    if (this.#value === undefined) return;
    const { bytes: all, filled } = this.#value;
    const part = bytes.subarray(0, all.length - filled);
    all.set(part, filled);
    this.#value.filled += part.length;
  }

  #header(): void {
    const block = this.#block;
    // Two blocks of zeros end an archive.
    if (block.every((byte) => byte === 0)) return;
    const size = sizeOf(block.subarray(124, 136));
    const type = String.fromCharCode(block[156] ?? 0);
    if (size === undefined) {
      this.problem = "a header has no valid size: it is no tar archive, or damaged";
      return;
    }
    if (type === "x" || type === "L" || type === "K") {
      if (size > TAR_HEADER_VALUE_MAX_BYTES) {
        this.problem = `a header is larger than ${TAR_HEADER_VALUE_MAX_BYTES} bytes`;
        return;
      }
      const kind = type === "x" ? "pax" : type === "L" ? "name" : "link";
      this.#value = { kind, bytes: new Uint8Array(size), filled: 0 };
      this.#skip = padded(size);
      if (this.#skip === 0) this.#valueEnds();
      return;
    }
    if (type !== "g") this.#entry(type);
    const content = hasContent(type) ? (this.#size ?? size) : 0;
    this.#skip = padded(type === "g" ? size : content);
    if (type !== "g") this.#name = this.#link = this.#size = undefined;
  }

  #entry(type: string): void {
    const prefix = text(this.#block.subarray(345, 500));
    const ustar = text(this.#block.subarray(257, 263)) === "ustar";
    const short = text(this.#block.subarray(0, 100));
    const name = this.#name ?? (ustar && prefix !== "" ? `${prefix}/${short}` : short);
    const parts = name.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) {
      this.problem = `the entry ${JSON.stringify(name)} leads out of the image`;
      return;
    }
    const link = this.#link ?? text(this.#block.subarray(157, 257));
    if (type === "1" && link.split("/").includes("..")) {
      this.problem = `the hard link ${JSON.stringify(name)} leads out of the image`;
      return;
    }
    const last = parts.pop() ?? "";
    const directory = parts.join("/");
    if (parts.some((part) => part.startsWith(WHITEOUT))) {
      this.problem = `the entry ${JSON.stringify(name)} is below a whiteout`;
    } else if (last === OPAQUE) this.#opaque.push(directory);
    // Others with two prefixes are aufs' own, and mean nothing.
    else if (last.startsWith(WHITEOUT) && !last.startsWith(WHITEOUT + WHITEOUT)) {
      const hidden = last.slice(WHITEOUT.length);
      if (hidden === "" || hidden === "." || hidden === "..")
        this.problem = `the whiteout ${JSON.stringify(name)} hides nothing`;
      else this.#removed.push(directory === "" ? hidden : `${directory}/${hidden}`);
    }
  }

  #valueEnds(): void {
    const value = this.#value;
    if (value === undefined) return;
    this.#value = undefined;
    if (value.kind === "name") this.#name = text(value.bytes);
    else if (value.kind === "link") this.#link = text(value.bytes);
    else this.#pax(value.bytes);
  }

  /** Records "<length> <key>=<value>\n". */
  #pax(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const space = bytes.indexOf(0x20, at);
      const length = Number(decoder.decode(bytes.subarray(at, space === -1 ? at : space)));
      if (!Number.isSafeInteger(length) || length <= space - at || at + length > bytes.length) {
        this.problem = "a pax header is damaged";
        return;
      }
      const record = decoder.decode(bytes.subarray(space + 1, at + length - 1));
      const [key, value] = [record.slice(0, record.indexOf("=")), record.slice(record.indexOf("=") + 1)];
      if (key === "path") this.#name = value;
      else if (key === "linkpath") this.#link = value;
      else if (key === "size") this.#size = Number(value);
      at += length;
    }
  }
}

/** Links, devices and directories have none, whatever their headers say. */
function hasContent(type: string): boolean {
  return !["1", "2", "3", "4", "5", "6"].includes(type);
}

function padded(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Up to the first zero byte. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end === -1 ? bytes : bytes.subarray(0, end));
}

/** Octal digits, or GNU's big-endian number after a set first bit. */
function sizeOf(field: Uint8Array): number | undefined {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const size = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    return Number.isSafeInteger(size) ? size : undefined;
  }
  const digits = text(field).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : undefined;
}
