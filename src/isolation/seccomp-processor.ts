/** What differs between the processors that filters of system calls are made for. */
import { ARM64_SYSCALLS } from "./syscalls-arm64.ts";
import { X64_SYSCALLS } from "./syscalls-x64.ts";

export interface Processor {
  readonly calls: ReadonlyMap<string, number>;
  /** In struct seccomp_data (include/uapi/linux/audit.h). */
  readonly auditArch: number;
  /** Numbers from here on belong to another table. */
  readonly foreignFrom: number;
  /** As profiles name it. */
  readonly names: readonly string[];
  /** Of the loader's file and code, see seccomp-loader.ts. */
  readonly machine: "x86-64" | "arm64";
}

export const X64: Processor = {
  calls: X64_SYSCALLS,
  auditArch: 0xc000003e,
  // Calls of the x32 table have this bit.
  foreignFrom: 0x40000000,
  names: ["amd64", "x86_64"],
  machine: "x86-64",
};

export const ARM64: Processor = {
  calls: ARM64_SYSCALLS,
  auditArch: 0xc00000b7,
  // There is none; so high no table reaches.
  foreignFrom: 0x40000000,
  names: ["arm64", "aarch64"],
  machine: "arm64",
};

/** @param architecture as in process.arch; undefined: no filters are made for it */
export function processorOf(architecture: string): Processor | undefined {
  if (architecture === "x64") return X64;
  return architecture === "arm64" ? ARM64 : undefined;
}
