import { expect, test } from "bun:test";
import { networkStatistics, snmpStatistics } from "../../src/isolation/network-statistics.ts";

test("interfaces of a network together, but the loopback one", () => {
  const text = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    "    lo:     900      90    9    9    0     0          0         0      900      90    9    9    0     0       0          0",
    "  eth0:    1000      10    1    2    0     0          0         0     2000      20    3    4    0     0       0          0",
    "eth1:1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0",
    "",
  ].join("\n");
  expect(networkStatistics(text)).toEqual({
    net_rx_bytes: 1001,
    net_rx_packets: 12,
    net_rx_errors: 4,
    net_rx_dropped: 6,
    net_tx_bytes: 2005,
    net_tx_packets: 26,
    net_tx_errors: 10,
    net_tx_dropped: 12,
  });
});

test("counters of the protocols, without those that Mesos has no name for", () => {
  const text = [
    "Ip: Forwarding DefaultTTL InReceives OutTransmits",
    "Ip: 2 64 58 57",
    "Icmp: InMsgs OutRateLimitHost",
    "Icmp: 3 1",
    "IcmpMsg: InType3",
    "IcmpMsg: 3",
    "Tcp: MaxConn ActiveOpens",
    "Tcp: -1 12",
    "Udp: InDatagrams",
    "Udp: 7",
    "UdpLite: InDatagrams",
    "UdpLite: 9",
    "",
  ].join("\n");
  expect(snmpStatistics(text)).toEqual({
    ip_stats: { Forwarding: 2, DefaultTTL: 64, InReceives: 58 },
    icmp_stats: { InMsgs: 3 },
    tcp_stats: { MaxConn: -1, ActiveOpens: 12 },
    udp_stats: { InDatagrams: 7 },
  });
});
