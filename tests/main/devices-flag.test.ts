import { expect, test } from "bun:test";
import { deviceNumbers } from "../../src/isolation/device-numbers.ts";
import { ALL_DEVICES, DEFAULT_DEVICES } from "../../src/isolation/device-program.ts";
import { allowedDevices } from "../../src/main/devices-flag.ts";

function device(path: string): string {
  return JSON.stringify({ allowed_devices: [{ device: { path }, access: { read: true } }] });
}

test("without the flag the usual devices", () => expect(allowedDevices(undefined)).toEqual(DEFAULT_DEVICES));
test("all", () => expect(allowedDevices("all")).toEqual(ALL_DEVICES));

test.skipIf(process.platform !== "linux")("a device is known by its numbers", () => {
  const rule = { type: "char", major: 1, minor: 7, read: true, write: false, mknod: false } as const;
  expect(allowedDevices(device("/dev/full"))).toEqual([...DEFAULT_DEVICES, rule]);
});

test.each(["", "{", '{"allowed_devices":[{}]}', device("/tmp"), device("/dev/no-such")])(
  "%p is refused",
  (text) => expect(() => allowedDevices(text)).toThrow("--allowed-devices"),
);

test("numbers above 255", () => {
  expect(deviceNumbers(0x0801)).toEqual({ major: 8, minor: 1 });
  expect(deviceNumbers(0x12310304)).toEqual({ major: 0x103, minor: 0x12304 });
});
