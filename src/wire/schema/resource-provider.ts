/**
 * Calls and events between resource provider and agent (mesos.v1.resource_provider).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const RESOURCE_PROVIDER: readonly SchemaSource[] = [
  {
    file: "resource-provider",
    package: "mesos.v1.resource_provider",
    text: `
Event: 1 type Type, 2 subscribed Subscribed, 3 apply_operation ApplyOperation, 4 publish_resources
  PublishResources, 5 acknowledge_operation_status AcknowledgeOperationStatus, 6 reconcile_operations
  ReconcileOperations
enum Event.Type: UNKNOWN=0, SUBSCRIBED=1, APPLY_OPERATION=2, PUBLISH_RESOURCES=3,
  ACKNOWLEDGE_OPERATION_STATUS=4, RECONCILE_OPERATIONS=5, TEARDOWN=6
Event.Subscribed: 1! provider_id ResourceProviderID
Event.ApplyOperation: 1 framework_id FrameworkID, 2! info Offer.Operation, 3! operation_uuid UUID, 4!
  resource_version_uuid UUID
Event.PublishResources: 1! uuid UUID, 2* resources Resource
Event.AcknowledgeOperationStatus: 1! status_uuid UUID, 2! operation_uuid UUID
Event.ReconcileOperations: 1* operation_uuids UUID
Call: 1 resource_provider_id ResourceProviderID, 2 type Type, 3 subscribe Subscribe, 4
  update_operation_status UpdateOperationStatus, 5 update_state UpdateState, 6
  update_publish_resources_status UpdatePublishResourcesStatus
enum Call.Type: UNKNOWN=0, SUBSCRIBE=1, UPDATE_OPERATION_STATUS=2, UPDATE_STATE=3,
  UPDATE_PUBLISH_RESOURCES_STATUS=4
Call.Subscribe: 1! resource_provider_info ResourceProviderInfo
Call.UpdateOperationStatus: 1 framework_id FrameworkID, 2! status OperationStatus, 3 latest_status
  OperationStatus, 4! operation_uuid UUID
Call.UpdateState: 1* operations Operation, 2* resources Resource, 3! resource_version_uuid UUID
Call.UpdatePublishResourcesStatus: 1! uuid UUID, 2! status Status
enum Call.UpdatePublishResourcesStatus.Status: UNKNOWN=0, OK=1, FAILED=2
`,
  },
];
