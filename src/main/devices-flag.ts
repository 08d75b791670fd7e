/** `--allowed-devices` of agents: devices that tasks may use beyond those that all may (ISO-12). */
import { statSync } from "node:fs";
import { deviceNumbers } from "../isolation/device-numbers.ts";
import { ALL_DEVICES, DEFAULT_DEVICES, type DeviceRule } from "../isolation/device-program.ts";
import type { DeviceAccess } from "../model/v1/frameworks.ts";
import { decodeJsonValue } from "../wire/json-decode.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag } from "./flags.ts";

const FLAG = "allowed-devices";
const EXPECTED =
  'all, or JSON like {"allowed_devices": [{"device": {"path": "/dev/fuse"}, "access": {"read": true, "write": true}}]}';
const S_IFMT = 0o170000;
const S_IFBLK = 0o060000;
const S_IFCHR = 0o020000;

/** The value is the text itself or `file:///path`, a Mesos DeviceWhitelist. Throws MeshError BAD_FLAG. */
export function allowedDevices(value: string | undefined): readonly DeviceRule[] {
  const text = textOrFile(FLAG, value);
  if (text === "all") return ALL_DEVICES;
  return [...DEFAULT_DEVICES, ...accessesIn(text).map(ruleOf)];
}

/** Paths of the devices that it names; throws MeshError BAD_FLAG. */
export function allowedDevicePaths(value: string | undefined): readonly string[] {
  const text = textOrFile(FLAG, value);
  if (text === "all") return [];
  return accessesIn(text).flatMap(({ device: { path } }) => (path === undefined ? [] : [path]));
}

function accessesIn(text: string | undefined): readonly DeviceAccess[] {
  if (text === undefined) return [];
  const list = decodeJsonValue("DeviceWhitelist", parse(text));
  if (!list.ok) throw badFlag(FLAG, text, `${EXPECTED}: ${list.error.message}`);
  return list.value.allowed_devices ?? [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw badFlag(FLAG, text, EXPECTED);
  }
}

function ruleOf({ device, access }: DeviceAccess): DeviceRule {
  const { path } = device;
  if (path === undefined) throw badFlag(FLAG, JSON.stringify(device), "the path of a device");
  const stat = statSync(path, { throwIfNoEntry: false });
  const type = stat === undefined ? 0 : stat.mode & S_IFMT;
  if (stat === undefined || (type !== S_IFBLK && type !== S_IFCHR)) {
    throw badFlag(FLAG, path, "the path of a device of this machine");
  }
  return {
    type: type === S_IFBLK ? "block" : "char",
    ...deviceNumbers(stat.rdev),
    read: access.read === true,
    write: access.write === true,
    mknod: access.mknod === true,
  };
}
