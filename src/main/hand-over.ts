/** An orderly end of a leading master: another one leads before this one goes, if there is one. */
import type { Log } from "../base/log.ts";
import type { MasterPort } from "../master/port.ts";

/** Longest wait for the successor; an election would take about as long. */
const HAND_OVER_MAX_MS = 1_000;

export async function handOver(master: MasterPort, log: Log): Promise<void> {
  const { role, members, self } = master.raftStatus();
  if (role !== "leader" || !members.some(({ id, votes }) => votes && id !== self)) return;
  const startMs = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), HAND_OVER_MAX_MS);
  });
  const answer = await Promise.race([master.transferLeadership(undefined), late]);
  // A read is answered once the successor has committed: until then this disk may be the one it needs.
  if (answer?.status === 200) await Promise.race([master.readIndex(), late]);
  clearTimeout(timer);
  const tookMs = Math.round(performance.now() - startMs);
  if (answer?.status === 200) log.info("Leadership handed over", { to: answer.body, tookMs });
  else log.warn("Leadership was not handed over", { reason: answer?.body ?? "no answer in time", tookMs });
}
