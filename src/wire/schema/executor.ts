/**
 * Calls and events between executor and agent (mesos.v1.executor).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const EXECUTOR: readonly SchemaSource[] = [
  {
    file: "executor",
    package: "mesos.v1.executor",
    text: `
Event: 1 type Type, 2 subscribed Subscribed, 3 acknowledged Acknowledged, 4 launch Launch, 8 launch_group
  LaunchGroup, 5 kill Kill, 6 message Message, 7 error Error
enum Event.Type: UNKNOWN=0, SUBSCRIBED=1, LAUNCH=2, LAUNCH_GROUP=8, KILL=3, ACKNOWLEDGED=4, MESSAGE=5,
  ERROR=6, SHUTDOWN=7, HEARTBEAT=9
Event.Subscribed: 1! executor_info ExecutorInfo, 2! framework_info FrameworkInfo, 3! agent_info AgentInfo,
  4 container_id ContainerID
Event.Launch: 1! task TaskInfo
Event.LaunchGroup: 1! task_group TaskGroupInfo
Event.Kill: 1! task_id TaskID, 2 kill_policy KillPolicy
Event.Acknowledged: 1! task_id TaskID, 2! uuid bytes
Event.Message: 1! data bytes
Event.Error: 1! message string
Call: 1! executor_id ExecutorID, 2! framework_id FrameworkID, 3 type Type, 4 subscribe Subscribe, 5 update
  Update, 6 message Message
enum Call.Type: UNKNOWN=0, SUBSCRIBE=1, UPDATE=2, MESSAGE=3, HEARTBEAT=4
Call.Subscribe: 1* unacknowledged_tasks TaskInfo, 2* unacknowledged_updates Update
Call.Update: 1! status TaskStatus
Call.Message: 2! data bytes
`,
  },
];
