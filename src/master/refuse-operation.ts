import type { OfferOperation } from "../model/v1/offers.ts";
import type { Leader } from "./leader.ts";
import type { FrameworkMemory } from "./memory.ts";

/** Only an operation that carries an id has feedback (mesos.proto, Offer.Operation.id). */
export function refuseOperation(
  leader: Leader,
  framework: FrameworkMemory,
  operation: OfferOperation,
  message: string,
): void {
  if (operation.id === undefined) return;
  leader.counters.bump("operations/error");
  leader.send(framework, {
    type: "UPDATE_OPERATION_STATUS",
    update_operation_status: {
      status: { operation_id: operation.id, state: "OPERATION_ERROR", message },
    },
  });
}
