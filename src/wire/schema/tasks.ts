/**
 * Tasks, executors, commands, checks and status (mesos.v1).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const TASKS: readonly SchemaSource[] = [
  {
    file: "tasks",
    package: "mesos.v1",
    text: `
CheckInfo: 1 type Type, 2 command Command, 3 http Http, 7 tcp Tcp, 4 delay_seconds double=15.0, 5
  interval_seconds double=10.0, 6 timeout_seconds double=20.0
enum CheckInfo.Type: UNKNOWN=0, COMMAND=1, HTTP=2, TCP=3
CheckInfo.Command: 1! command CommandInfo
CheckInfo.Http: 1! port uint32, 2 path string
CheckInfo.Tcp: 1! port uint32
HealthCheck: 2 delay_seconds double=15.0, 3 interval_seconds double=10.0, 4 timeout_seconds double=20.0, 5
  consecutive_failures uint32=3, 6 grace_period_seconds double=10.0, 8 type Type, 7 command CommandInfo, 1
  http HTTPCheckInfo, 9 tcp TCPCheckInfo
enum HealthCheck.Type: UNKNOWN=0, COMMAND=1, HTTP=2, TCP=3
HealthCheck.HTTPCheckInfo: 5 protocol NetworkInfo.Protocol=IPv4, 3 scheme string, 1! port uint32, 2 path
  string, 4* statuses uint32
HealthCheck.TCPCheckInfo: 2 protocol NetworkInfo.Protocol=IPv4, 1! port uint32
KillPolicy: 1 grace_period DurationInfo
CommandInfo: 1* uris URI, 2 environment Environment, 6 shell bool=true, 3 value string, 7* arguments
  string, 5 user string
CommandInfo.URI: 1! value string, 2 executable bool, 3 extract bool=true, 4 cache bool, 5 output_file
  string
ExecutorInfo: 15 type Type, 1! executor_id ExecutorID, 8 framework_id FrameworkID, 7 command CommandInfo,
  11 container ContainerInfo, 5* resources Resource, 9 name string, 10 source string (dep), 4 data bytes,
  12 discovery DiscoveryInfo, 13 shutdown_grace_period DurationInfo, 14 labels Labels
enum ExecutorInfo.Type: UNKNOWN=0, DEFAULT=1, CUSTOM=2
TaskInfo: 1! name string, 2! task_id TaskID, 3! agent_id AgentID, 4* resources Resource, 5 executor
  ExecutorInfo, 7 command CommandInfo, 9 container ContainerInfo, 8 health_check HealthCheck, 13 check
  CheckInfo, 12 kill_policy KillPolicy, 6 data bytes, 10 labels Labels, 11 discovery DiscoveryInfo, 14
  max_completion_time DurationInfo, 15 limits map<string,Value.Scalar>
TaskGroupInfo: 1* tasks TaskInfo
Task: 1! name string, 2! task_id TaskID, 3! framework_id FrameworkID, 4 executor_id ExecutorID, 5!
  agent_id AgentID, 6! state TaskState, 7* resources Resource, 8* statuses TaskStatus, 9
  status_update_state TaskState, 10 status_update_uuid bytes, 11 labels Labels, 12 discovery
  DiscoveryInfo, 13 container ContainerInfo, 15 health_check HealthCheck, 16 kill_policy KillPolicy, 14
  user string, 17 limits map<string,Value.Scalar>
enum TaskState: TASK_STAGING=6, TASK_STARTING=0, TASK_RUNNING=1, TASK_KILLING=8, TASK_FINISHED=2,
  TASK_FAILED=3, TASK_KILLED=4, TASK_ERROR=7, TASK_LOST=5, TASK_DROPPED=9, TASK_UNREACHABLE=10,
  TASK_GONE=11, TASK_GONE_BY_OPERATOR=12, TASK_UNKNOWN=13
TaskResourceLimitation: 1* resources Resource
CheckStatusInfo: 1 type CheckInfo.Type, 2 command Command, 3 http Http, 4 tcp Tcp
CheckStatusInfo.Command: 1 exit_code int32
CheckStatusInfo.Http: 1 status_code uint32
CheckStatusInfo.Tcp: 1 succeeded bool
TaskStatus: 1! task_id TaskID, 2! state TaskState, 4 message string, 9 source Source, 10 reason Reason, 3
  data bytes, 5 agent_id AgentID, 7 executor_id ExecutorID, 6 timestamp double, 11 uuid bytes, 8 healthy
  bool, 15 check_status CheckStatusInfo, 12 labels Labels, 13 container_status ContainerStatus, 14
  unreachable_time TimeInfo, 16 limitation TaskResourceLimitation
enum TaskStatus.Source: SOURCE_MASTER=0, SOURCE_AGENT=1, SOURCE_EXECUTOR=2
enum TaskStatus.Reason: REASON_COMMAND_EXECUTOR_FAILED=0, REASON_CONTAINER_LAUNCH_FAILED=21,
  REASON_CONTAINER_LIMITATION=19, REASON_CONTAINER_LIMITATION_DISK=20,
  REASON_CONTAINER_LIMITATION_MEMORY=8, REASON_CONTAINER_PREEMPTED=17, REASON_CONTAINER_UPDATE_FAILED=22,
  REASON_MAX_COMPLETION_TIME_REACHED=33, REASON_EXECUTOR_REGISTRATION_TIMEOUT=23,
  REASON_EXECUTOR_REREGISTRATION_TIMEOUT=24, REASON_EXECUTOR_TERMINATED=1, REASON_EXECUTOR_UNREGISTERED=2,
  REASON_FRAMEWORK_REMOVED=3, REASON_GC_ERROR=4, REASON_INVALID_FRAMEWORKID=5, REASON_INVALID_OFFERS=6,
  REASON_IO_SWITCHBOARD_EXITED=27, REASON_MASTER_DISCONNECTED=7, REASON_RECONCILIATION=9,
  REASON_RESOURCES_UNKNOWN=18, REASON_AGENT_DISCONNECTED=10, REASON_AGENT_DRAINING=34,
  REASON_AGENT_REMOVED=11, REASON_AGENT_REMOVED_BY_OPERATOR=31, REASON_AGENT_REREGISTERED=32,
  REASON_AGENT_RESTARTED=12, REASON_AGENT_UNKNOWN=13, REASON_TASK_KILLED_DURING_LAUNCH=30,
  REASON_TASK_CHECK_STATUS_UPDATED=28, REASON_TASK_HEALTH_CHECK_STATUS_UPDATED=29,
  REASON_TASK_GROUP_INVALID=25, REASON_TASK_GROUP_UNAUTHORIZED=26, REASON_TASK_INVALID=14,
  REASON_TASK_UNAUTHORIZED=15, REASON_TASK_UNKNOWN=16
Environment: 1* variables Variable
Environment.Variable: 1! name string, 3 type Type=VALUE, 2 value string, 4 secret Secret
enum Environment.Variable.Type: UNKNOWN=0, VALUE=1, SECRET=2
Credential: 1! principal string, 2 secret string
Credentials: 1* credentials Credential
Secret: 1 type Type, 2 reference Reference, 3 value Value
enum Secret.Type: UNKNOWN=0, REFERENCE=1, VALUE=2
Secret.Reference: 1! name string, 2 key string
Secret.Value: 1! data bytes
RateLimit: 1 qps double, 2! principal string, 3 capacity uint64
RateLimits: 1* limits RateLimit, 2 aggregate_default_qps double, 3 aggregate_default_capacity uint64
DiscoveryInfo: 1! visibility Visibility, 2 name string, 3 environment string, 4 location string, 5 version
  string, 6 ports Ports, 7 labels Labels
enum DiscoveryInfo.Visibility: FRAMEWORK=0, CLUSTER=1, EXTERNAL=2
`,
  },
];
