/**
 * Calls and events between scheduler and master (mesos.v1.scheduler).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const SCHEDULER: readonly SchemaSource[] = [
  {
    file: "scheduler",
    package: "mesos.v1.scheduler",
    text: `
Event: 1 type Type, 2 subscribed Subscribed, 3 offers Offers, 9 inverse_offers InverseOffers, 4 rescind
  Rescind, 10 rescind_inverse_offer RescindInverseOffer, 5 update Update, 11 update_operation_status
  UpdateOperationStatus, 6 message Message, 7 failure Failure, 8 error Error
enum Event.Type: UNKNOWN=0, SUBSCRIBED=1, OFFERS=2, INVERSE_OFFERS=9, RESCIND=3, RESCIND_INVERSE_OFFER=10,
  UPDATE=4, UPDATE_OPERATION_STATUS=11, MESSAGE=5, FAILURE=6, ERROR=7, HEARTBEAT=8
Event.Subscribed: 1! framework_id FrameworkID, 2 heartbeat_interval_seconds double, 3 master_info
  MasterInfo
Event.Offers: 1* offers Offer
Event.InverseOffers: 1* inverse_offers InverseOffer
Event.Rescind: 1! offer_id OfferID
Event.RescindInverseOffer: 1! inverse_offer_id OfferID
Event.Update: 1! status TaskStatus
Event.UpdateOperationStatus: 1! status OperationStatus
Event.Message: 1! agent_id AgentID, 2! executor_id ExecutorID, 3! data bytes
Event.Failure: 1 agent_id AgentID, 2 executor_id ExecutorID, 3 status int32
Event.Error: 1! message string
Response: 1 type Type, 2 reconcile_operations ReconcileOperations (dep)
enum Response.Type: UNKNOWN=0, RECONCILE_OPERATIONS=1
Response.ReconcileOperations: 1* operation_statuses OperationStatus (dep)
AttributeConstraint: 1! selector Selector, 2! predicate Predicate
AttributeConstraint.Selector: 1^ pseudoattribute_type PseudoattributeType, 2^ attribute_name string
enum AttributeConstraint.Selector.PseudoattributeType: UNKNOWN=0, HOSTNAME=1, REGION=2, ZONE=3
AttributeConstraint.Predicate: 1^ exists Exists, 2^ not_exists NotExists, 3^ text_equals TextEquals, 4^
  text_not_equals TextNotEquals, 5^ text_matches TextMatches, 6^ text_not_matches TextNotMatches
AttributeConstraint.Predicate.Exists: (empty)
AttributeConstraint.Predicate.NotExists: (empty)
AttributeConstraint.Predicate.TextEquals: 1! value string
AttributeConstraint.Predicate.TextNotEquals: 1! value string
AttributeConstraint.Predicate.TextMatches: 1! regex string
AttributeConstraint.Predicate.TextNotMatches: 1! regex string
OfferConstraints: 1 role_constraints map<string,RoleConstraints>
OfferConstraints.RoleConstraints: 1* groups Group
OfferConstraints.RoleConstraints.Group: 1* attribute_constraints AttributeConstraint
Call: 1 framework_id FrameworkID, 2 type Type, 3 subscribe Subscribe, 4 accept Accept, 5 decline Decline,
  13 accept_inverse_offers AcceptInverseOffers, 14 decline_inverse_offers DeclineInverseOffers, 15 revive
  Revive, 6 kill Kill, 7 shutdown Shutdown, 8 acknowledge Acknowledge, 17 acknowledge_operation_status
  AcknowledgeOperationStatus, 9 reconcile Reconcile, 18 reconcile_operations ReconcileOperations, 10
  message Message, 11 request Request, 16 suppress Suppress, 19 update_framework UpdateFramework
enum Call.Type: UNKNOWN=0, SUBSCRIBE=1, TEARDOWN=2, ACCEPT=3, DECLINE=4, ACCEPT_INVERSE_OFFERS=13,
  DECLINE_INVERSE_OFFERS=14, REVIVE=5, KILL=6, SHUTDOWN=7, ACKNOWLEDGE=8, ACKNOWLEDGE_OPERATION_STATUS=15,
  RECONCILE=9, RECONCILE_OPERATIONS=16, MESSAGE=10, REQUEST=11, SUPPRESS=12, UPDATE_FRAMEWORK=17
Call.Subscribe: 1! framework_info FrameworkInfo, 2* suppressed_roles string, 3 offer_constraints
  OfferConstraints
Call.Accept: 1* offer_ids OfferID, 2* operations Offer.Operation, 3 filters Filters
Call.Decline: 1* offer_ids OfferID, 2 filters Filters
Call.AcceptInverseOffers: 1* inverse_offer_ids OfferID, 2 filters Filters
Call.DeclineInverseOffers: 1* inverse_offer_ids OfferID, 2 filters Filters
Call.Revive: 1* roles string
Call.Kill: 1! task_id TaskID, 2 agent_id AgentID, 3 kill_policy KillPolicy
Call.Shutdown: 1! executor_id ExecutorID, 2! agent_id AgentID
Call.Acknowledge: 1! agent_id AgentID, 2! task_id TaskID, 3! uuid bytes
Call.AcknowledgeOperationStatus: 1 agent_id AgentID, 2 resource_provider_id ResourceProviderID, 3! uuid
  bytes, 4! operation_id OperationID
Call.Reconcile: 1* tasks Task
Call.Reconcile.Task: 1! task_id TaskID, 2 agent_id AgentID
Call.ReconcileOperations: 1* operations Operation
Call.ReconcileOperations.Operation: 1! operation_id OperationID, 2 agent_id AgentID, 3
  resource_provider_id ResourceProviderID
Call.Message: 1! agent_id AgentID, 2! executor_id ExecutorID, 3! data bytes
Call.Request: 1* requests mesos.v1.Request
Call.Suppress: 1* roles string
Call.UpdateFramework: 1! framework_info FrameworkInfo, 2* suppressed_roles string, 3 offer_constraints
  OfferConstraints
APIResult: 1! status_code uint32, 2 response Response, 3 error string
`,
  },
];
