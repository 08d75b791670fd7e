/**
 * Operator API of the master (mesos.v1.master).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const MASTER: readonly SchemaSource[] = [
  {
    file: "master",
    package: "mesos.v1.master",
    text: `
Call: 1 type Type, 2 get_metrics GetMetrics, 3 set_logging_level SetLoggingLevel, 4 list_files ListFiles,
  5 read_file ReadFile, 6 update_weights UpdateWeights, 7 reserve_resources ReserveResources, 8
  unreserve_resources UnreserveResources, 9 create_volumes CreateVolumes, 10 destroy_volumes
  DestroyVolumes, 18 grow_volume GrowVolume, 19 shrink_volume ShrinkVolume, 11 update_maintenance_schedule
  UpdateMaintenanceSchedule, 12 start_maintenance StartMaintenance, 13 stop_maintenance StopMaintenance,
  21 drain_agent DrainAgent, 22 deactivate_agent DeactivateAgent, 23 reactivate_agent ReactivateAgent, 20
  update_quota UpdateQuota, 16 teardown Teardown, 17 mark_agent_gone MarkAgentGone, 14 set_quota SetQuota
  (dep), 15 remove_quota RemoveQuota (dep)
enum Call.Type: UNKNOWN=0, GET_HEALTH=1, GET_FLAGS=2, GET_VERSION=3, GET_METRICS=4, GET_LOGGING_LEVEL=5,
  SET_LOGGING_LEVEL=6, LIST_FILES=7, READ_FILE=8, GET_STATE=9, GET_AGENTS=10, GET_FRAMEWORKS=11,
  GET_EXECUTORS=12, GET_OPERATIONS=33, GET_TASKS=13, GET_ROLES=14, GET_WEIGHTS=15, UPDATE_WEIGHTS=16,
  GET_MASTER=17, SUBSCRIBE=18, RESERVE_RESOURCES=19, UNRESERVE_RESOURCES=20, CREATE_VOLUMES=21,
  DESTROY_VOLUMES=22, GROW_VOLUME=34, SHRINK_VOLUME=35, GET_MAINTENANCE_STATUS=23,
  GET_MAINTENANCE_SCHEDULE=24, UPDATE_MAINTENANCE_SCHEDULE=25, START_MAINTENANCE=26, STOP_MAINTENANCE=27,
  DRAIN_AGENT=37, DEACTIVATE_AGENT=38, REACTIVATE_AGENT=39, GET_QUOTA=28, UPDATE_QUOTA=36, SET_QUOTA=29,
  REMOVE_QUOTA=30, TEARDOWN=31, MARK_AGENT_GONE=32
Call.GetMetrics: 1 timeout DurationInfo
Call.SetLoggingLevel: 1! level uint32, 2! duration DurationInfo
Call.ListFiles: 1! path string
Call.ReadFile: 1! path string, 2! offset uint64, 3 length uint64
Call.UpdateWeights: 1* weight_infos WeightInfo
Call.ReserveResources: 1! agent_id AgentID, 3* source Resource, 2* resources Resource
Call.UnreserveResources: 1! agent_id AgentID, 2* resources Resource
Call.CreateVolumes: 1! agent_id AgentID, 2* volumes Resource
Call.DestroyVolumes: 1! agent_id AgentID, 2* volumes Resource
Call.GrowVolume: 1 agent_id AgentID, 2! volume Resource, 3! addition Resource
Call.ShrinkVolume: 1 agent_id AgentID, 2! volume Resource, 3! subtract Value.Scalar
Call.UpdateMaintenanceSchedule: 1! schedule maintenance.Schedule
Call.StartMaintenance: 1* machines MachineID
Call.StopMaintenance: 1* machines MachineID
Call.DrainAgent: 1! agent_id AgentID, 2 max_grace_period google.protobuf.Duration, 3 mark_gone bool=false
Call.DeactivateAgent: 1! agent_id AgentID
Call.ReactivateAgent: 1! agent_id AgentID
Call.UpdateQuota: 1 force bool, 2* quota_configs quota.QuotaConfig
Call.SetQuota: 1! quota_request quota.QuotaRequest
Call.RemoveQuota: 1! role string
Call.Teardown: 1! framework_id FrameworkID
Call.MarkAgentGone: 1! agent_id AgentID
`,
  },
  {
    file: "master-responses",
    package: "mesos.v1.master",
    text: `
Response: 1 type Type, 2 get_health GetHealth, 3 get_flags GetFlags, 4 get_version GetVersion, 5
  get_metrics GetMetrics, 6 get_logging_level GetLoggingLevel, 7 list_files ListFiles, 8 read_file
  ReadFile, 9 get_state GetState, 10 get_agents GetAgents, 11 get_frameworks GetFrameworks, 12
  get_executors GetExecutors, 20 get_operations GetOperations, 13 get_tasks GetTasks, 14 get_roles
  GetRoles, 15 get_weights GetWeights, 16 get_master GetMaster, 17 get_maintenance_status
  GetMaintenanceStatus, 18 get_maintenance_schedule GetMaintenanceSchedule, 19 get_quota GetQuota
enum Response.Type: UNKNOWN=0, GET_HEALTH=1, GET_FLAGS=2, GET_VERSION=3, GET_METRICS=4,
  GET_LOGGING_LEVEL=5, LIST_FILES=6, READ_FILE=7, GET_STATE=8, GET_AGENTS=9, GET_FRAMEWORKS=10,
  GET_EXECUTORS=11, GET_OPERATIONS=19, GET_TASKS=12, GET_ROLES=13, GET_WEIGHTS=14, GET_MASTER=15,
  GET_MAINTENANCE_STATUS=16, GET_MAINTENANCE_SCHEDULE=17, GET_QUOTA=18
Response.GetHealth: 1! healthy bool
Response.GetFlags: 1* flags Flag
Response.GetVersion: 1! version_info VersionInfo
Response.GetMetrics: 1* metrics Metric
Response.GetLoggingLevel: 1! level uint32
Response.ListFiles: 1* file_infos FileInfo
Response.ReadFile: 1! size uint64, 2! data bytes
Response.GetState: 1 get_tasks GetTasks, 2 get_executors GetExecutors, 3 get_frameworks GetFrameworks, 4
  get_agents GetAgents
Response.GetAgents: 1* agents Agent, 2* recovered_agents AgentInfo
Response.GetAgents.Agent: 1! agent_info AgentInfo, 2! active bool, 12 deactivated bool, 3! version string,
  4 pid string, 5 registered_time TimeInfo, 6 reregistered_time TimeInfo, 7* total_resources Resource, 8*
  allocated_resources Resource, 9* offered_resources Resource, 10* capabilities AgentInfo.Capability, 11*
  resource_providers ResourceProvider, 13 drain_info DrainInfo, 14 estimated_drain_start_time TimeInfo
Response.GetAgents.Agent.ResourceProvider: 1! resource_provider_info ResourceProviderInfo, 2*
  total_resources Resource
Response.GetFrameworks: 1* frameworks Framework, 2* completed_frameworks Framework, 3*
  recovered_frameworks FrameworkInfo (dep)
Response.GetFrameworks.Framework: 1! framework_info FrameworkInfo, 2! active bool, 3! connected bool, 11!
  recovered bool, 4 registered_time TimeInfo, 5 reregistered_time TimeInfo, 6 unregistered_time TimeInfo,
  7* offers Offer, 8* inverse_offers InverseOffer, 9* allocated_resources Resource, 10* offered_resources
  Resource, 12 offer_constraints scheduler.OfferConstraints
Response.GetExecutors: 1* executors Executor, 2* orphan_executors Executor (dep)
Response.GetExecutors.Executor: 1! executor_info ExecutorInfo, 2! agent_id AgentID
Response.GetOperations: 1* operations Operation
Response.GetTasks: 1* pending_tasks Task (dep), 2* tasks Task, 5* unreachable_tasks Task, 3*
  completed_tasks Task, 4* orphan_tasks Task (dep)
Response.GetRoles: 1* roles Role
Response.GetWeights: 1* weight_infos WeightInfo
Response.GetMaster: 1 master_info MasterInfo, 2 start_time double, 3 elected_time double
Response.GetMaintenanceStatus: 1! status maintenance.ClusterStatus
Response.GetMaintenanceSchedule: 1! schedule maintenance.Schedule
Response.GetQuota: 1! status quota.QuotaStatus
`,
  },
  {
    file: "master-events",
    package: "mesos.v1.master",
    text: `
Event: 1 type Type, 2 subscribed Subscribed, 3 task_added TaskAdded, 4 task_updated TaskUpdated, 5
  agent_added AgentAdded, 6 agent_removed AgentRemoved, 7 framework_added FrameworkAdded, 8
  framework_updated FrameworkUpdated, 9 framework_removed FrameworkRemoved
enum Event.Type: UNKNOWN=0, SUBSCRIBED=1, TASK_ADDED=2, TASK_UPDATED=3, AGENT_ADDED=4, AGENT_REMOVED=5,
  FRAMEWORK_ADDED=6, FRAMEWORK_UPDATED=7, FRAMEWORK_REMOVED=8, HEARTBEAT=9
Event.Subscribed: 1 get_state Response.GetState, 2 heartbeat_interval_seconds double
Event.TaskAdded: 1! task Task
Event.TaskUpdated: 1! framework_id FrameworkID, 2! status TaskStatus, 3! state TaskState
Event.FrameworkAdded: 1! framework Response.GetFrameworks.Framework
Event.FrameworkUpdated: 1! framework Response.GetFrameworks.Framework
Event.FrameworkRemoved: 1! framework_info FrameworkInfo
Event.AgentAdded: 1! agent Response.GetAgents.Agent
Event.AgentRemoved: 1! agent_id AgentID
`,
  },
];
