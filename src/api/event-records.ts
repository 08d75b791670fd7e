/** Events as the payloads of RecordIO records. */
import { RECORD_MAX_BYTES } from "../base/limits.ts";
import type { SchedulerEvent } from "../model/v1/scheduler.ts";
import type { MessageEncoder } from "./codec.ts";

/**
 * One payload, or several for OFFERS too large for one record: mesos-go reads
 * at most 4 MiB. An event that cannot be split is sent whole.
 */
export function schedulerRecords(
  encoder: MessageEncoder,
  event: SchedulerEvent,
  maxBytes = RECORD_MAX_BYTES,
): readonly (string | Uint8Array)[] {
  const payload = encoder.encode("SchedulerEvent", event);
  const offers = event.offers?.offers ?? [];
  if (offers.length < 2 || byteLength(payload) <= maxBytes) return [payload];
  const half = offers.length >> 1;
  return [offers.slice(0, half), offers.slice(half)].flatMap((part) =>
    schedulerRecords(encoder, { ...event, offers: { offers: part } }, maxBytes),
  );
}

function byteLength(payload: string | Uint8Array): number {
  return typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
}
