/**
 * The traffic of a container on a network of its own, from the texts that the
 * kernel gives (net/core/net-procfs.c, net/ipv4/proc.c; RFC 1213 and RFC 4022
 * name the counters).
 */
import type {
  IcmpStatistics,
  IpStatistics,
  SNMPStatistics,
  TcpStatistics,
  UdpStatistics,
} from "../model/v1/statistics.ts";
import type { Usage } from "./statistics.ts";

/** Columns of /proc/net/dev (net/core/net-procfs.c): eight of what came in, eight of what went out. */
const NET_DEV_TX = 8;

/** All interfaces but the loopback one together, as the container sees them. */
export function networkStatistics(netDev: string): Usage {
  const sums = new Array<number>(NET_DEV_TX * 2).fill(0);
  for (const line of netDev.split("\n")) {
    const match = /^\s*([^:\s]+):\s*(.*)$/.exec(line);
    if (match === null || match[1] === "lo") continue;
    for (const [at, text] of (match[2] ?? "").split(/\s+/).entries()) {
      if (at < sums.length) sums[at] = (sums[at] ?? 0) + Number(text);
    }
  }
  const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0] = sums;
  const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = sums.slice(NET_DEV_TX);
  return {
    net_rx_packets: rxPackets,
    net_rx_bytes: rxBytes,
    net_rx_errors: rxErrors,
    net_rx_dropped: rxDropped,
    net_tx_packets: txPackets,
    net_tx_bytes: txBytes,
    net_tx_errors: txErrors,
    net_tx_dropped: txDropped,
  };
}

/** Counters that Mesos' messages have; newer kernels have more. */
const COUNTERS = {
  Ip:
    "Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos " +
    "InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds " +
    "ReasmOKs ReasmFails FragOKs FragFails FragCreates",
  Icmp:
    "InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs " +
    "InRedirects InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps " +
    "OutMsgs OutErrors OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects " +
    "OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps",
  Tcp:
    "RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets " +
    "CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors",
  Udp: "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors " + "IgnoredMulti",
} as const;

/** From /proc/<pid>/net/snmp, where each protocol has a line of names and one of values. */
export function snmpStatistics(snmp: string): SNMPStatistics {
  const rows = new Map<string, string[][]>();
  for (const line of snmp.split("\n")) {
    const [head = "", ...words] = line.trim().split(/\s+/);
    const name = head.replace(/:$/, "");
    rows.set(name, [...(rows.get(name) ?? []), words]);
  }
  const counters = (protocol: keyof typeof COUNTERS): Record<string, number> => {
    const [names = [], values = []] = rows.get(protocol) ?? [];
    const wanted = new Set(COUNTERS[protocol].split(" "));
    const pairs = names.map((name, at) => [name, Number(values[at])] as const);
    return Object.fromEntries(pairs.filter(([name, value]) => wanted.has(name) && Number.isFinite(value)));
  };
  return {
    ip_stats: counters("Ip") satisfies IpStatistics,
    icmp_stats: counters("Icmp") satisfies IcmpStatistics,
    tcp_stats: counters("Tcp") satisfies TcpStatistics,
    udp_stats: counters("Udp") satisfies UdpStatistics,
  };
}
