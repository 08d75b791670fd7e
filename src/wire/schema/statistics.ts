/**
 * Usage figures of containers (mesos.v1). Mesos knows no `pressure` (field 1000):
 * clients of Mesos skip it.
 */
import type { SchemaSource } from "../schema-parser.ts";

export const STATISTICS: readonly SchemaSource[] = [
  {
    file: "statistics",
    package: "mesos.v1",
    text: `
TrafficControlStatistics: 1! id string, 2 backlog uint64, 3 bytes uint64, 4 drops uint64, 5 overlimits
  uint64, 6 packets uint64, 7 qlen uint64, 8 ratebps uint64, 9 ratepps uint64, 10 requeues uint64
IpStatistics: 1 Forwarding int64, 2 DefaultTTL int64, 3 InReceives int64, 4 InHdrErrors int64, 5
  InAddrErrors int64, 6 ForwDatagrams int64, 7 InUnknownProtos int64, 8 InDiscards int64, 9 InDelivers
  int64, 10 OutRequests int64, 11 OutDiscards int64, 12 OutNoRoutes int64, 13 ReasmTimeout int64, 14
  ReasmReqds int64, 15 ReasmOKs int64, 16 ReasmFails int64, 17 FragOKs int64, 18 FragFails int64, 19
  FragCreates int64
IcmpStatistics: 1 InMsgs int64, 2 InErrors int64, 3 InCsumErrors int64, 4 InDestUnreachs int64, 5
  InTimeExcds int64, 6 InParmProbs int64, 7 InSrcQuenchs int64, 8 InRedirects int64, 9 InEchos int64, 10
  InEchoReps int64, 11 InTimestamps int64, 12 InTimestampReps int64, 13 InAddrMasks int64, 14
  InAddrMaskReps int64, 15 OutMsgs int64, 16 OutErrors int64, 17 OutDestUnreachs int64, 18 OutTimeExcds
  int64, 19 OutParmProbs int64, 20 OutSrcQuenchs int64, 21 OutRedirects int64, 22 OutEchos int64, 23
  OutEchoReps int64, 24 OutTimestamps int64, 25 OutTimestampReps int64, 26 OutAddrMasks int64, 27
  OutAddrMaskReps int64
TcpStatistics: 1 RtoAlgorithm int64, 2 RtoMin int64, 3 RtoMax int64, 4 MaxConn int64, 5 ActiveOpens int64,
  6 PassiveOpens int64, 7 AttemptFails int64, 8 EstabResets int64, 9 CurrEstab int64, 10 InSegs int64, 11
  OutSegs int64, 12 RetransSegs int64, 13 InErrs int64, 14 OutRsts int64, 15 InCsumErrors int64
UdpStatistics: 1 InDatagrams int64, 2 NoPorts int64, 3 InErrors int64, 4 OutDatagrams int64, 5
  RcvbufErrors int64, 6 SndbufErrors int64, 7 InCsumErrors int64, 8 IgnoredMulti int64
SNMPStatistics: 1 ip_stats IpStatistics, 2 icmp_stats IcmpStatistics, 3 tcp_stats TcpStatistics, 4
  udp_stats UdpStatistics
DiskStatistics: 1 source Resource.DiskInfo.Source, 2 persistence Resource.DiskInfo.Persistence, 3
  limit_bytes uint64, 4 used_bytes uint64
ResourceStatistics: 1! timestamp double, 30 processes uint32, 31 threads uint32, 2 cpus_user_time_secs
  double, 3 cpus_system_time_secs double, 4 cpus_limit double, 45 cpus_soft_limit double, 7
  cpus_nr_periods uint32, 8 cpus_nr_throttled uint32, 9 cpus_throttled_time_secs double, 36
  mem_total_bytes uint64, 37 mem_total_memsw_bytes uint64, 52 mem_kmem_usage_bytes uint64, 53
  mem_kmem_tcp_usage_bytes uint64, 6 mem_limit_bytes uint64, 38 mem_soft_limit_bytes uint64, 10
  mem_file_bytes uint64, 11 mem_anon_bytes uint64, 39 mem_cache_bytes uint64, 5 mem_rss_bytes uint64, 12
  mem_mapped_file_bytes uint64, 40 mem_swap_bytes uint64, 41 mem_unevictable_bytes uint64, 32
  mem_low_pressure_counter uint64, 33 mem_medium_pressure_counter uint64, 34 mem_critical_pressure_counter
  uint64, 26 disk_limit_bytes uint64, 27 disk_used_bytes uint64, 43* disk_statistics DiskStatistics, 44
  blkio_statistics CgroupInfo.Blkio.Statistics, 13 perf PerfStatistics, 14 net_rx_packets uint64, 15
  net_rx_bytes uint64, 16 net_rx_errors uint64, 17 net_rx_dropped uint64, 18 net_tx_packets uint64, 19
  net_tx_bytes uint64, 20 net_tx_errors uint64, 21 net_tx_dropped uint64, 46 net_tx_rate_limit uint64, 47
  net_tx_burst_rate_limit uint64, 48 net_tx_burst_size uint64, 49 net_rx_rate_limit uint64, 50
  net_rx_burst_rate_limit uint64, 51 net_rx_burst_size uint64, 54 net_rate_statistics RateStatistics, 55
  net_ephemeral_ports Value.Range, 22 net_tcp_rtt_microsecs_p50 double, 23 net_tcp_rtt_microsecs_p90
  double, 24 net_tcp_rtt_microsecs_p95 double, 25 net_tcp_rtt_microsecs_p99 double, 28
  net_tcp_active_connections double, 29 net_tcp_time_wait_connections double, 35*
  net_traffic_control_statistics TrafficControlStatistics, 42 net_snmp_statistics SNMPStatistics, 1000
  pressure PressureStatistics
PressureStatistics: 1 cpu Pressure, 2 memory Pressure, 3 io Pressure
PressureStatistics.Pressure: 1 some Stall, 2 full Stall
PressureStatistics.Stall: 1 avg10 double, 2 avg60 double, 3 avg300 double, 4 total_secs double
ResourceStatistics.RatePercentiles: 1 min uint64, 2 max uint64, 3 p50 uint64, 4 p90 uint64, 5 p95 uint64,
  6 p99 uint64, 7 p999 uint64, 8 p9999 uint64, 9 samples uint64
ResourceStatistics.RateStatistics: 1 rx_rate RatePercentiles, 2 rx_packet_rate RatePercentiles, 3
  rx_drop_rate RatePercentiles, 4 rx_error_rate RatePercentiles, 5 tx_rate RatePercentiles, 6
  tx_packet_rate RatePercentiles, 7 tx_drop_rate RatePercentiles, 8 tx_error_rate RatePercentiles, 9
  sampling_window_secs double, 10 sampling_interval_secs double
ResourceUsage: 1* executors Executor, 2* total Resource
ResourceUsage.Executor: 1! executor_info ExecutorInfo, 2* allocated Resource, 3 statistics
  ResourceStatistics, 4! container_id ContainerID, 5* tasks Task
ResourceUsage.Executor.Task: 1! name string, 2! id TaskID, 3* resources Resource, 4 labels Labels
PerfStatistics: 1! timestamp double, 2! duration double, 3 cycles uint64, 4 stalled_cycles_frontend
  uint64, 5 stalled_cycles_backend uint64, 6 instructions uint64, 7 cache_references uint64, 8
  cache_misses uint64, 9 branches uint64, 10 branch_misses uint64, 11 bus_cycles uint64, 12 ref_cycles
  uint64, 13 cpu_clock double, 14 task_clock double, 15 page_faults uint64, 16 minor_faults uint64, 17
  major_faults uint64, 18 context_switches uint64, 19 cpu_migrations uint64, 20 alignment_faults uint64,
  21 emulation_faults uint64, 22 l1_dcache_loads uint64, 23 l1_dcache_load_misses uint64, 24
  l1_dcache_stores uint64, 25 l1_dcache_store_misses uint64, 26 l1_dcache_prefetches uint64, 27
  l1_dcache_prefetch_misses uint64, 28 l1_icache_loads uint64, 29 l1_icache_load_misses uint64, 30
  l1_icache_prefetches uint64, 31 l1_icache_prefetch_misses uint64, 32 llc_loads uint64, 33
  llc_load_misses uint64, 34 llc_stores uint64, 35 llc_store_misses uint64, 36 llc_prefetches uint64, 37
  llc_prefetch_misses uint64, 38 dtlb_loads uint64, 39 dtlb_load_misses uint64, 40 dtlb_stores uint64, 41
  dtlb_store_misses uint64, 42 dtlb_prefetches uint64, 43 dtlb_prefetch_misses uint64, 44 itlb_loads
  uint64, 45 itlb_load_misses uint64, 46 branch_loads uint64, 47 branch_load_misses uint64, 48 node_loads
  uint64, 49 node_load_misses uint64, 50 node_stores uint64, 51 node_store_misses uint64, 52
  node_prefetches uint64, 53 node_prefetch_misses uint64
`,
  },
];
