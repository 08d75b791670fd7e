/**
 * Identifiers, time, addresses and machines of mesos.v1 (include/mesos/v1/mesos.proto).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const IDS: readonly SchemaSource[] = [
  {
    file: "ids",
    package: "mesos.v1",
    text: `
enum Status: DRIVER_NOT_STARTED=1, DRIVER_RUNNING=2, DRIVER_ABORTED=3, DRIVER_STOPPED=4
FrameworkID: 1! value string
OfferID: 1! value string
AgentID: 1! value string
TaskID: 1! value string
ExecutorID: 1! value string
ContainerID: 1! value string, 2 parent ContainerID
ResourceProviderID: 1! value string
OperationID: 1! value string
TimeInfo: 1! nanoseconds int64
DurationInfo: 1! nanoseconds int64
Address: 1 hostname string, 2 ip string, 3! port int32
URL: 1! scheme string, 2! address Address, 3 path string, 4* query Parameter, 5 fragment string
Unavailability: 1! start TimeInfo, 2 duration DurationInfo
MachineID: 1 hostname string, 2 ip string
MachineInfo: 1! id MachineID, 2 mode Mode, 3 unavailability Unavailability
enum MachineInfo.Mode: UP=1, DRAINING=2, DOWN=3
DomainInfo: 1 fault_domain FaultDomain
DomainInfo.FaultDomain: 1! region RegionInfo, 2! zone ZoneInfo
DomainInfo.FaultDomain.RegionInfo: 1! name string
DomainInfo.FaultDomain.ZoneInfo: 1! name string
UUID: 1! value bytes
Parameter: 1! key string, 2! value string
Parameters: 1* parameter Parameter
Labels: 1* labels Label
Label: 1! key string, 2 value string
Port: 1! number uint32, 2 name string, 3 protocol string, 4 visibility DiscoveryInfo.Visibility, 5 labels
  Labels
Ports: 1* ports Port
`,
  },
  {
    file: "ids",
    package: "google.protobuf",
    text: `
Duration: 1 seconds int64, 2 nanos int32
`,
  },
];
