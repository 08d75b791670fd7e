/**
 * Operator API of the agent (mesos.v1.agent).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const AGENT: readonly SchemaSource[] = [
  {
    file: "agent",
    package: "mesos.v1.agent",
    text: `
Call: 1 type Type, 2 get_metrics GetMetrics, 3 set_logging_level SetLoggingLevel, 4 list_files ListFiles,
  5 read_file ReadFile, 20 get_containers GetContainers, 6 launch_nested_container LaunchNestedContainer
  (dep), 7 wait_nested_container WaitNestedContainer (dep), 8 kill_nested_container KillNestedContainer
  (dep), 12 remove_nested_container RemoveNestedContainer (dep), 9 launch_nested_container_session
  LaunchNestedContainerSession, 10 attach_container_input AttachContainerInput, 11 attach_container_output
  AttachContainerOutput, 13 launch_container LaunchContainer, 14 wait_container WaitContainer, 15
  kill_container KillContainer, 16 remove_container RemoveContainer, 17 add_resource_provider_config
  AddResourceProviderConfig, 18 update_resource_provider_config UpdateResourceProviderConfig, 19
  remove_resource_provider_config RemoveResourceProviderConfig, 22 mark_resource_provider_gone
  MarkResourceProviderGone, 21 prune_images PruneImages
enum Call.Type: UNKNOWN=0, GET_HEALTH=1, GET_FLAGS=2, GET_VERSION=3, GET_METRICS=4, GET_LOGGING_LEVEL=5,
  SET_LOGGING_LEVEL=6, LIST_FILES=7, READ_FILE=8, GET_STATE=9, GET_CONTAINERS=10, GET_FRAMEWORKS=11,
  GET_EXECUTORS=12, GET_OPERATIONS=31, GET_TASKS=13, GET_AGENT=20, GET_RESOURCE_PROVIDERS=26,
  LAUNCH_NESTED_CONTAINER=14, WAIT_NESTED_CONTAINER=15, KILL_NESTED_CONTAINER=16,
  REMOVE_NESTED_CONTAINER=21, LAUNCH_NESTED_CONTAINER_SESSION=17, ATTACH_CONTAINER_INPUT=18,
  ATTACH_CONTAINER_OUTPUT=19, LAUNCH_CONTAINER=22, WAIT_CONTAINER=23, KILL_CONTAINER=24,
  REMOVE_CONTAINER=25, ADD_RESOURCE_PROVIDER_CONFIG=27, UPDATE_RESOURCE_PROVIDER_CONFIG=28,
  REMOVE_RESOURCE_PROVIDER_CONFIG=29, MARK_RESOURCE_PROVIDER_GONE=32, PRUNE_IMAGES=30
Call.GetMetrics: 1 timeout DurationInfo
Call.SetLoggingLevel: 1! level uint32, 2! duration DurationInfo
Call.ListFiles: 1! path string
Call.ReadFile: 1! path string, 2! offset uint64, 3 length uint64
Call.GetContainers: 1 show_nested bool, 2 show_standalone bool
Call.LaunchNestedContainer: 1! container_id ContainerID, 2 command CommandInfo, 3 container ContainerInfo
Call.WaitNestedContainer: 1! container_id ContainerID
Call.KillNestedContainer: 1! container_id ContainerID, 2 signal int32
Call.RemoveNestedContainer: 1! container_id ContainerID
Call.LaunchNestedContainerSession: 1! container_id ContainerID, 2 command CommandInfo, 3 container
  ContainerInfo
Call.AttachContainerInput: 1 type Type, 2 container_id ContainerID, 3 process_io ProcessIO
enum Call.AttachContainerInput.Type: UNKNOWN=0, CONTAINER_ID=1, PROCESS_IO=2
Call.AttachContainerOutput: 1! container_id ContainerID
Call.LaunchContainer: 1! container_id ContainerID, 2 command CommandInfo, 3* resources Resource, 4
  container ContainerInfo, 5 limits map<string,Value.Scalar>
Call.WaitContainer: 1! container_id ContainerID
Call.KillContainer: 1! container_id ContainerID, 2 signal int32
Call.RemoveContainer: 1! container_id ContainerID
Call.AddResourceProviderConfig: 1! info ResourceProviderInfo
Call.UpdateResourceProviderConfig: 1! info ResourceProviderInfo
Call.RemoveResourceProviderConfig: 1! type string, 2! name string
Call.MarkResourceProviderGone: 1! resource_provider_id ResourceProviderID
Call.PruneImages: 1* excluded_images Image
ProcessIO: 1 type Type, 2 data Data, 3 control Control
enum ProcessIO.Type: UNKNOWN=0, DATA=1, CONTROL=2
ProcessIO.Data: 1 type Type, 2 data bytes
enum ProcessIO.Data.Type: UNKNOWN=0, STDIN=1, STDOUT=2, STDERR=3
ProcessIO.Control: 1 type Type, 2 tty_info TTYInfo, 3 heartbeat Heartbeat
enum ProcessIO.Control.Type: UNKNOWN=0, TTY_INFO=1, HEARTBEAT=2
ProcessIO.Control.Heartbeat: 1 interval DurationInfo
`,
  },
  {
    file: "agent-responses",
    package: "mesos.v1.agent",
    text: `
Response: 1 type Type, 2 get_health GetHealth, 3 get_flags GetFlags, 4 get_version GetVersion, 5
  get_metrics GetMetrics, 6 get_logging_level GetLoggingLevel, 7 list_files ListFiles, 8 read_file
  ReadFile, 9 get_state GetState, 10 get_containers GetContainers, 11 get_frameworks GetFrameworks, 12
  get_executors GetExecutors, 18 get_operations GetOperations, 13 get_tasks GetTasks, 15 get_agent
  GetAgent, 17 get_resource_providers GetResourceProviders, 14 wait_nested_container WaitNestedContainer,
  16 wait_container WaitContainer
enum Response.Type: UNKNOWN=0, GET_HEALTH=1, GET_FLAGS=2, GET_VERSION=3, GET_METRICS=4,
  GET_LOGGING_LEVEL=5, LIST_FILES=6, READ_FILE=7, GET_STATE=8, GET_CONTAINERS=9, GET_FRAMEWORKS=10,
  GET_EXECUTORS=11, GET_OPERATIONS=17, GET_TASKS=12, GET_AGENT=14, GET_RESOURCE_PROVIDERS=16,
  WAIT_NESTED_CONTAINER=13, WAIT_CONTAINER=15
Response.GetHealth: 1! healthy bool
Response.GetFlags: 1* flags Flag
Response.GetVersion: 1! version_info VersionInfo
Response.GetMetrics: 1* metrics Metric
Response.GetLoggingLevel: 1! level uint32
Response.ListFiles: 1* file_infos FileInfo
Response.ReadFile: 1! size uint64, 2! data bytes
Response.GetState: 1 get_tasks GetTasks, 2 get_executors GetExecutors, 3 get_frameworks GetFrameworks
Response.GetContainers: 1* containers Container
Response.GetContainers.Container: 1 framework_id FrameworkID, 2 executor_id ExecutorID, 3 executor_name
  string, 4! container_id ContainerID, 5 container_status ContainerStatus, 6 resource_statistics
  ResourceStatistics
Response.GetFrameworks: 1* frameworks Framework, 2* completed_frameworks Framework
Response.GetFrameworks.Framework: 1! framework_info FrameworkInfo
Response.GetExecutors: 1* executors Executor, 2* completed_executors Executor
Response.GetExecutors.Executor: 1! executor_info ExecutorInfo
Response.GetOperations: 1* operations Operation
Response.GetTasks: 1* pending_tasks Task, 2* queued_tasks Task, 3* launched_tasks Task, 4*
  terminated_tasks Task, 5* completed_tasks Task
Response.GetAgent: 1 agent_info AgentInfo, 2 drain_config DrainConfig, 3 estimated_drain_start_time
  TimeInfo
Response.GetResourceProviders: 1* resource_providers ResourceProvider
Response.GetResourceProviders.ResourceProvider: 1! resource_provider_info ResourceProviderInfo, 2*
  total_resources Resource
Response.WaitNestedContainer: 1 exit_status int32, 2 state TaskState, 3 reason TaskStatus.Reason, 4
  limitation TaskResourceLimitation, 5 message string
Response.WaitContainer: 1 exit_status int32, 2 state TaskState, 3 reason TaskStatus.Reason, 4 limitation
  TaskResourceLimitation, 5 message string
`,
  },
];
