/**
 * Offers, inverse offers and operations of mesos.v1.
 */
import type { SchemaSource } from "../schema-parser.ts";

export const OFFERS: readonly SchemaSource[] = [
  {
    file: "offers",
    package: "mesos.v1",
    text: `
OfferFilters: 1 min_allocatable_resources MinAllocatableResources
OfferFilters.ResourceQuantities: 1 quantities map<string,Value.Scalar>
OfferFilters.MinAllocatableResources: 1* quantities ResourceQuantities
Request: 1 agent_id AgentID, 2* resources Resource
Offer: 1! id OfferID, 2! framework_id FrameworkID, 3! agent_id AgentID, 4! hostname string, 8 url URL, 11
  domain DomainInfo, 5* resources Resource, 7* attributes Attribute, 6* executor_ids ExecutorID, 9
  unavailability Unavailability, 10 allocation_info Resource.AllocationInfo
Offer.Operation: 1 type Type, 12 id OperationID, 2 launch Launch, 7 launch_group LaunchGroup, 3 reserve
  Reserve, 4 unreserve Unreserve, 5 create Create, 6 destroy Destroy, 13 grow_volume GrowVolume, 14
  shrink_volume ShrinkVolume, 15 create_disk CreateDisk, 16 destroy_disk DestroyDisk
enum Offer.Operation.Type: UNKNOWN=0, LAUNCH=1, LAUNCH_GROUP=6, RESERVE=2, UNRESERVE=3, CREATE=4,
  DESTROY=5, GROW_VOLUME=11, SHRINK_VOLUME=12, CREATE_DISK=13, DESTROY_DISK=14
Offer.Operation.Launch: 1* task_infos TaskInfo
Offer.Operation.LaunchGroup: 1! executor ExecutorInfo, 2! task_group TaskGroupInfo
Offer.Operation.Reserve: 2* source Resource, 1* resources Resource
Offer.Operation.Unreserve: 1* resources Resource
Offer.Operation.Create: 1* volumes Resource
Offer.Operation.Destroy: 1* volumes Resource
Offer.Operation.GrowVolume: 1! volume Resource, 2! addition Resource
Offer.Operation.ShrinkVolume: 1! volume Resource, 2! subtract Value.Scalar
Offer.Operation.CreateDisk: 1! source Resource, 2! target_type Resource.DiskInfo.Source.Type, 3
  target_profile string
Offer.Operation.DestroyDisk: 1! source Resource
InverseOffer: 1! id OfferID, 2 url URL, 3! framework_id FrameworkID, 4 agent_id AgentID, 5! unavailability
  Unavailability, 6* resources Resource
Operation: 1 framework_id FrameworkID, 2 agent_id AgentID, 3! info Offer.Operation, 4! latest_status
  OperationStatus, 5* statuses OperationStatus, 6! uuid UUID
enum OperationState: OPERATION_UNSUPPORTED=0, OPERATION_PENDING=1, OPERATION_FINISHED=2,
  OPERATION_FAILED=3, OPERATION_ERROR=4, OPERATION_DROPPED=5, OPERATION_UNREACHABLE=6,
  OPERATION_GONE_BY_OPERATOR=7, OPERATION_RECOVERING=8, OPERATION_UNKNOWN=9
OperationStatus: 1 operation_id OperationID, 2! state OperationState, 3 message string, 4*
  converted_resources Resource, 5 uuid UUID, 6 agent_id AgentID, 7 resource_provider_id ResourceProviderID
Filters: 1 refuse_seconds double=5.0
`,
  },
];
