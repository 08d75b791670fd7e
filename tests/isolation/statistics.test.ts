import { expect, test } from "bun:test";
import { cgroupStatistics, limitStatistics } from "../../src/isolation/statistics.ts";

test("every file of a cgroup", () => {
  const texts = {
    "cgroup.procs": "10\n11\n",
    "pids.current": "5\n",
    "cpu.stat":
      "usage_usec 3500000\nuser_usec 2500000\nsystem_usec 1000000\nnr_periods 40\nnr_throttled 7\nthrottled_usec 250000\n",
    "memory.current": "5000\n",
    "memory.swap.current": "70\n",
    "memory.stat": "anon 1000\nfile 2000\nkernel 300\nsock 40\nfile_mapped 5\nunevictable 6\n",
    "cpu.pressure":
      "some avg10=1.50 avg60=0.75 avg300=0.10 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    // Before Linux 5.13 there is one line for the CPU; the reader takes what there is.
    "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\n",
    "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=3 dios=4\n7:0 \n",
  };
  expect(cgroupStatistics(texts)).toEqual({
    processes: 2,
    threads: 5,
    cpus_user_time_secs: 2.5,
    cpus_system_time_secs: 1,
    cpus_nr_periods: 40,
    cpus_nr_throttled: 7,
    cpus_throttled_time_secs: 0.25,
    mem_total_bytes: 5000,
    mem_total_memsw_bytes: 5070,
    mem_swap_bytes: 70,
    mem_rss_bytes: 1000,
    mem_anon_bytes: 1000,
    mem_cache_bytes: 2000,
    mem_file_bytes: 2000,
    mem_mapped_file_bytes: 5,
    mem_kmem_usage_bytes: 300,
    mem_kmem_tcp_usage_bytes: 40,
    mem_unevictable_bytes: 6,
    blkio_statistics: {
      throttling: [
        {
          device: { major_number: 8, minor_number: 0 },
          io_serviced: [
            { op: "READ", value: 1 },
            { op: "WRITE", value: 2 },
            { op: "DISCARD", value: 4 },
            { op: "TOTAL", value: 7 },
          ],
          io_service_bytes: [
            { op: "READ", value: 10 },
            { op: "WRITE", value: 20 },
            { op: "DISCARD", value: 3 },
            { op: "TOTAL", value: 33 },
          ],
        },
      ],
    },
    pressure: {
      cpu: {
        some: { avg10: 1.5, avg60: 0.75, avg300: 0.1, total_secs: 2.5 },
        full: { avg10: 0, avg60: 0, avg300: 0, total_secs: 0 },
      },
      memory: { some: { avg10: 0, avg60: 0, avg300: 0, total_secs: 0.000012 } },
    },
  });
});

test("without controllers only the CPU time is told", () => {
  const texts = { "cgroup.procs": "", "cpu.stat": "usage_usec 10\nuser_usec 10\nsystem_usec 0\n" };
  expect(cgroupStatistics(texts)).toEqual({
    processes: 0,
    cpus_user_time_secs: 0.00001,
    cpus_system_time_secs: 0,
  });
});

test("what a container was given", () => {
  const given = { cpusMilli: 500, memBytes: 1 << 26, diskBytes: 0 };
  const soft = { cpus_soft_limit: 0.5, mem_soft_limit_bytes: 1 << 26 };
  expect(limitStatistics(given, false)).toEqual({ ...soft, mem_limit_bytes: 1 << 26 });
  expect(limitStatistics(given, true)).toEqual({ ...soft, cpus_limit: 0.5, mem_limit_bytes: 1 << 26 });
  const free = { ...given, cpusLimitMilli: 2_000, memLimitBytes: "unlimited" } as const;
  expect(limitStatistics(free, true)).toEqual({ ...soft, cpus_limit: 2 });
});
