/**
 * Values, attributes, resources and resource providers of mesos.v1.
 */
import type { SchemaSource } from "../schema-parser.ts";

export const RESOURCES: readonly SchemaSource[] = [
  {
    file: "resources",
    package: "mesos.v1",
    text: `
CSIPluginContainerInfo: 1* services Service, 2 command CommandInfo, 3* resources Resource, 4 container
  ContainerInfo
enum CSIPluginContainerInfo.Service: UNKNOWN=0, CONTROLLER_SERVICE=1, NODE_SERVICE=2
CSIPluginEndpoint: 1! csi_service CSIPluginContainerInfo.Service, 2! endpoint string
CSIPluginInfo: 1! type string, 2 name string="default", 3* containers CSIPluginContainerInfo, 4* endpoints
  CSIPluginEndpoint, 5 target_path_root string, 6 target_path_exists bool
ResourceProviderInfo: 1 id ResourceProviderID, 2* attributes Attribute, 3! type string, 4! name string, 5*
  default_reservations Resource.ReservationInfo, 6 storage Storage
ResourceProviderInfo.Storage: 1! plugin CSIPluginInfo, 2 reconciliation_interval_seconds double
Value: 1! type Type, 2 scalar Scalar, 3 ranges Ranges, 4 set Set, 5 text Text
enum Value.Type: SCALAR=0, RANGES=1, SET=2, TEXT=3
Value.Scalar: 1! value double
Value.Range: 1! begin uint64, 2! end uint64
Value.Ranges: 1* range Range
Value.Set: 1* item string
Value.Text: 1! value string
Attribute: 1! name string, 2! type Value.Type, 3 scalar Value.Scalar, 4 ranges Value.Ranges, 6 set
  Value.Set, 5 text Value.Text
Resource: 12 provider_id ResourceProviderID, 1! name string, 2! type Value.Type, 3 scalar Value.Scalar, 4
  ranges Value.Ranges, 5 set Value.Set, 6 role string="*" (dep), 11 allocation_info AllocationInfo, 8
  reservation ReservationInfo, 13* reservations ReservationInfo, 7 disk DiskInfo, 9 revocable
  RevocableInfo, 10 shared SharedInfo
Resource.AllocationInfo: 1 role string
Resource.ReservationInfo: 4 type Type, 3 role string, 1 principal string, 2 labels Labels
enum Resource.ReservationInfo.Type: UNKNOWN=0, STATIC=1, DYNAMIC=2
Resource.DiskInfo: 1 persistence Persistence, 2 volume Volume, 3 source Source
Resource.DiskInfo.Persistence: 1! id string, 2 principal string
Resource.DiskInfo.Source: 1! type Type, 2 path Path, 3 mount Mount, 7 vendor string, 4 id string, 5
  metadata Labels, 6 profile string
enum Resource.DiskInfo.Source.Type: UNKNOWN=0, PATH=1, MOUNT=2, BLOCK=3, RAW=4
Resource.DiskInfo.Source.Path: 1 root string
Resource.DiskInfo.Source.Mount: 1 root string
Resource.RevocableInfo: (empty)
Resource.SharedInfo: (empty)
`,
  },
];
