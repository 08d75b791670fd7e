/**
 * How soon a declined offer comes again when no filter holds it back, and how
 * many offers a second one framework can turn over.
 */
import { Cluster } from "../cluster.ts";
import { Scheduler, spread } from "./lib.ts";

const ROUNDS = 500;
const WARM_UP_ROUNDS = 50;

export async function bench(): Promise<Record<string, unknown>> {
  await using cluster = await Cluster.start({ separate: true });
  const scheduler = new Scheduler(cluster.master, "bench");
  const done = Promise.withResolvers<void>();
  const gapsMs: number[] = [];
  let declined = 0;
  let rounds = 0;
  const stream = scheduler.run((event) => {
    const offers = event.offers?.offers ?? [];
    if (offers.length === 0 || gapsMs.length === ROUNDS) return;
    if (rounds++ > WARM_UP_ROUNDS) gapsMs.push(performance.now() - declined);
    if (gapsMs.length === ROUNDS) done.resolve();
    declined = performance.now();
    const body = { offer_ids: offers.map((offer) => offer.id), filters: { refuse_seconds: 0 } };
    scheduler.call("DECLINE", body).catch(done.reject);
  });
  await Promise.race([done.promise, stream]);
  await scheduler.teardown();
  const totalMs = gapsMs.reduce((sum, gap) => sum + gap, 0);
  return { declineToOfferMs: spread(gapsMs), offersPerSecond: Math.round((ROUNDS / totalMs) * 1_000) };
}
