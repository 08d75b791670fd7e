/** Tar archives made entry by entry, also such as no honest program would make. */

export interface TarEntry {
  readonly name: string;
  /** Default: a file. */
  readonly type?: "file" | "directory" | "symlink" | "hardlink" | "character";
  readonly content?: string | Uint8Array;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Of a pax header before the entry. */
  readonly pax?: Readonly<Record<string, string>>;
}

const TYPES = { file: "0", hardlink: "1", symlink: "2", character: "3", directory: "5" } as const;
const encoder = new TextEncoder();

export function tarOf(entries: readonly TarEntry[]): Uint8Array {
  return Buffer.concat([...entries.flatMap(blocksOf), new Uint8Array(1_024)]);
}

function blocksOf(entry: TarEntry): Uint8Array[] {
  const { name, type = "file", content = "", pax } = entry;
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  const before = pax === undefined ? [] : paxBlocks(pax);
  const long = encoder.encode(name).length > 100 ? paxBlocks({ path: name }) : [];
  const header = headerOf({ ...entry, name: name.slice(0, 100) }, TYPES[type], bytes.length);
  return [...before, ...long, header, ...padded(bytes)];
}

function paxBlocks(fields: Readonly<Record<string, string>>): Uint8Array[] {
  const text = Object.entries(fields)
    .map(([key, value]) => record(key, value))
    .join("");
  const bytes = encoder.encode(text);
  return [headerOf({ name: "pax" }, "x", bytes.length), ...padded(bytes)];
}

/** Its length counts its own digits. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}${rest}`.length !== length) length++;
  return `${length}${rest}`;
}

function headerOf(entry: TarEntry, type: string, size: number): Uint8Array {
  const { name, link = "", mode = type === "5" ? 0o755 : 0o644, uid = 0, gid = 0 } = entry;
  const block = new Uint8Array(512);
  const put = (text: string, at: number): void => block.set(encoder.encode(text), at);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  put(name, 0);
  put(octal(mode, 7), 100);
  put(octal(uid, 7), 108);
  put(octal(gid, 7), 116);
  put(octal(size, 11), 124);
  put(octal(0, 11), 136);
  put("        ", 148);
  put(type, 156);
  put(link, 157);
  put("ustar\0" + "00", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function padded(bytes: Uint8Array): Uint8Array[] {
  const rest = (512 - (bytes.length % 512)) % 512;
  return bytes.length === 0 ? [] : [bytes, new Uint8Array(rest)];
}
