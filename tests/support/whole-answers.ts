/** Long answers of a master made whole: what those in parts are compared with. */
import { agentMessage, ExecutorNotes, frameworkMessage, masterTask } from "../../src/api/master-messages.ts";
import type { ClusterView } from "../../src/master/port.ts";
import type {
  MasterResponseGetAgents,
  MasterResponseGetExecutors,
  MasterResponseGetFrameworks,
  MasterResponseGetState,
  MasterResponseGetTasks,
} from "../../src/model/v1/master-responses.ts";

export function stateMessage(view: ClusterView): MasterResponseGetState {
  return {
    get_tasks: tasksMessage(view),
    get_executors: executorsMessage(view),
    get_frameworks: frameworksMessage(view),
    get_agents: agentsMessage(view),
  };
}

export function tasksMessage(view: ClusterView): MasterResponseGetTasks {
  return {
    tasks: Array.from(view.tasks(), masterTask),
    unreachable_tasks: Array.from(view.unreachableTasks(), masterTask),
    completed_tasks: Array.from(view.completedTasks(), masterTask),
  };
}

/** Command tasks have none here, as in Mesos. */
export function executorsMessage(view: ClusterView): MasterResponseGetExecutors {
  const notes = new ExecutorNotes();
  for (const task of view.tasks()) notes.addOfTask(task);
  for (const { info, frameworkId, agentId } of view.executors()) notes.add(info, frameworkId, agentId);
  return { executors: [...notes.all()] };
}

export function frameworksMessage(view: ClusterView): MasterResponseGetFrameworks {
  return {
    frameworks: [...view.frameworks()].map(frameworkMessage),
    completed_frameworks: [...view.completedFrameworks()].map(frameworkMessage),
  };
}

export function agentsMessage(view: ClusterView): MasterResponseGetAgents {
  const agents = [...view.agents()];
  return {
    agents: agents.filter((agent) => !agent.recovered && !agent.unreachable).map(agentMessage),
    recovered_agents: agents.filter((agent) => agent.recovered).map((agent) => agent.info),
  };
}
