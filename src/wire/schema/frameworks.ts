/**
 * Frameworks, masters, agents and what is listed about them (mesos.v1).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const FRAMEWORKS: readonly SchemaSource[] = [
  {
    file: "frameworks",
    package: "mesos.v1",
    text: `
FrameworkInfo: 1! user string, 2! name string, 3 id FrameworkID, 4 failover_timeout double=0.0, 5
  checkpoint bool=false, 6 role string="*" (dep), 12* roles string, 7 hostname string, 8 principal string,
  9 webui_url string, 10* capabilities Capability, 11 labels Labels, 13 offer_filters
  map<string,OfferFilters>
FrameworkInfo.Capability: 1 type Type
enum FrameworkInfo.Capability.Type: UNKNOWN=0, REVOCABLE_RESOURCES=1, TASK_KILLING_STATE=2,
  GPU_RESOURCES=3, SHARED_RESOURCES=4, PARTITION_AWARE=5, MULTI_ROLE=6, RESERVATION_REFINEMENT=7,
  REGION_AWARE=8
MasterInfo: 1! id string, 2! ip uint32, 3! port uint32=5050, 4 pid string, 5 hostname string, 6 version
  string, 7 address Address, 8 domain DomainInfo, 9* capabilities Capability
MasterInfo.Capability: 1 type Type
enum MasterInfo.Capability.Type: UNKNOWN=0, AGENT_UPDATE=1, AGENT_DRAINING=2, QUOTA_V2=3
AgentInfo: 1! hostname string, 8 port int32=5051, 3* resources Resource, 5* attributes Attribute, 6 id
  AgentID, 10 domain DomainInfo
AgentInfo.Capability: 1 type Type
enum AgentInfo.Capability.Type: UNKNOWN=0, MULTI_ROLE=1, HIERARCHICAL_ROLE=2, RESERVATION_REFINEMENT=3,
  RESOURCE_PROVIDER=4, RESIZE_VOLUME=5, AGENT_OPERATION_FEEDBACK=6, AGENT_DRAINING=7,
  TASK_RESOURCE_LIMITS=8
WeightInfo: 1! weight double, 2 role string
VersionInfo: 1! version string, 2 build_date string, 3 build_time double, 4 build_user string, 5 git_sha
  string, 6 git_branch string, 7 git_tag string
Flag: 1! name string, 2 value string
Role: 1! name string, 2! weight double, 3* frameworks FrameworkID, 4* resources Resource
Metric: 1! name string, 2 value double
FileInfo: 1! path string, 2 nlink int32, 3 size uint64, 4 mtime TimeInfo, 5 mode uint32, 6 uid string, 7
  gid string
Device: 1 path string, 2 number Number
Device.Number: 1! major_number uint64, 2! minor_number uint64
DeviceAccess: 1! device Device, 2! access Access
DeviceAccess.Access: 1 read bool, 2 write bool, 3 mknod bool
DeviceWhitelist: 1* allowed_devices DeviceAccess
enum DrainState: UNKNOWN=0, DRAINING=1, DRAINED=2
DrainConfig: 1 max_grace_period DurationInfo, 2 mark_gone bool=false
DrainInfo: 1! state DrainState, 2! config DrainConfig
`,
  },
];
