import { expect, test } from "bun:test";
import { isInRanges, listeningSockets, rangesOf, socketInode } from "../../src/isolation/listening-ports.ts";

test("sockets that listen, of both protocols", () => {
  const head =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
  const tcp = [
    head,
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 32001 1 0 100 0 0 10 0",
    "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 32002 1 0 20 4 30 10 -1",
    "",
  ].join("\n");
  expect([...listeningSockets(tcp)]).toEqual([["32001", 8080]]);
  const tcp6 = `${head}\n   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 7 1\n`;
  expect([...listeningSockets(tcp6)]).toEqual([["7", 22]]);
  expect([...listeningSockets("")]).toEqual([]);
});

test("links of sockets", () => {
  expect(socketInode("socket:[32001]")).toBe("32001");
  expect(socketInode("pipe:[32001]")).toBeUndefined();
  expect(socketInode("/dev/null")).toBeUndefined();
});

test("ranges", () => {
  expect(rangesOf([7, 5, 6, 9, 5])).toEqual([
    { begin: 5, end: 7 },
    { begin: 9, end: 9 },
  ]);
  expect(isInRanges(6, rangesOf([5, 6]))).toBe(true);
  expect(isInRanges(7, rangesOf([5, 6]))).toBe(false);
});
