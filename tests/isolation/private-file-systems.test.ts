import { expect, test } from "bun:test";
import { fstabText } from "../../src/isolation/mounts.ts";
import { privateMounts } from "../../src/isolation/private-file-systems.ts";

const VIEW = { devDirectory: "/run/d", sysDirectory: "/run/s", cgroups: true, devices: ["/dev/net/tun"] };

function lines(exists: (path: string) => boolean): string[] {
  return fstabText(privateMounts({ ...VIEW, exists }))
    .trim()
    .split("\n");
}

test("what the machine has of it is made read-only or empty, in an order in which nothing hides its source", () => {
  const has = ["/proc/sys", "/proc/kcore", "/proc/scsi", "/sys/firmware"];
  expect(lines((path) => has.includes(path))).toEqual([
    "/proc/sys /proc/sys none bind,ro 0 0",
    "/dev/null /proc/kcore none bind 0 0",
    "mesh /proc/scsi tmpfs ro,size=0,nosuid,nodev,noexec 0 0",
    "mesh /run/s sysfs ro,nosuid,nodev,noexec 0 0",
    "/sys/fs/cgroup /run/s/fs/cgroup none bind,ro 0 0",
    "/run/s /sys none rbind 0 0",
    "mesh /sys/firmware tmpfs ro,size=0,nosuid,nodev,noexec 0 0",
    ...["null", "zero", "full", "random", "urandom", "tty", "net/tun"].map(
      (name) => `/dev/${name} /run/d/${name} none bind 0 0`,
    ),
    "mesh /run/d/pts devpts newinstance,ptmxmode=0666,mode=0620,nosuid,noexec 0 0",
    "mesh /run/d/shm tmpfs mode=1777,nosuid,nodev,noexec 0 0",
    "mesh /run/d/mqueue mqueue nosuid,nodev,noexec 0 0",
    "/run/d /dev none rbind,ro 0 0",
  ]);
});

test("without a cgroup2 mount there are no cgroups to see", () => {
  const text = fstabText(privateMounts({ ...VIEW, cgroups: false, exists: () => false }));
  expect(text).not.toContain("cgroup");
});
