/** Operators' calls about agents: DRAIN_AGENT, DEACTIVATE_AGENT, REACTIVATE_AGENT, MARK_AGENT_GONE. */
import { assert } from "../base/assert.ts";
import { SECOND_MS } from "../base/time.ts";
import type { AgentChange } from "../master/port.ts";
import type { MasterCall } from "../model/v1/master.ts";
import type { MasterContext } from "./context.ts";
import { text } from "./respond.ts";

/** The call's body is there. */
export async function agentChangeCall({ port }: MasterContext, call: MasterCall): Promise<Response> {
  const answer = await port.change(changeOf(call));
  return text(answer.status, answer.body);
}

function changeOf(call: MasterCall): AgentChange {
  switch (call.type) {
    case "DRAIN_AGENT": {
      assert(call.drain_agent, "validated");
      const { agent_id, max_grace_period: grace, mark_gone = false } = call.drain_agent;
      const maxGraceMs =
        grace === undefined ? undefined : (grace.seconds ?? 0) * SECOND_MS + (grace.nanos ?? 0) / 1e6;
      return { kind: "drain", agentId: agent_id.value, maxGraceMs, markGone: mark_gone };
    }
    case "DEACTIVATE_AGENT":
      assert(call.deactivate_agent, "validated");
      return { kind: "deactivate", agentId: call.deactivate_agent.agent_id.value };
    case "REACTIVATE_AGENT":
      assert(call.reactivate_agent, "validated");
      return { kind: "reactivate", agentId: call.reactivate_agent.agent_id.value };
    default:
      assert(call.mark_agent_gone, "validated");
      return { kind: "mark-gone", agentId: call.mark_agent_gone.agent_id.value };
  }
}
