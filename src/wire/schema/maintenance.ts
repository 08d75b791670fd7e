/**
 * Maintenance windows and the answers to inverse offers (mesos.v1.maintenance, .allocator).
 */
import type { SchemaSource } from "../schema-parser.ts";

export const MAINTENANCE: readonly SchemaSource[] = [
  {
    file: "maintenance",
    package: "mesos.v1.maintenance",
    text: `
Window: 1* machine_ids MachineID, 2! unavailability Unavailability
Schedule: 1* windows Window
ClusterStatus: 1* draining_machines DrainingMachine, 2* down_machines MachineID
ClusterStatus.DrainingMachine: 1! id MachineID, 2* statuses allocator.InverseOfferStatus
`,
  },
  {
    file: "maintenance",
    package: "mesos.v1.allocator",
    text: `
InverseOfferStatus: 1! status Status, 2! framework_id FrameworkID, 3! timestamp TimeInfo
enum InverseOfferStatus.Status: UNKNOWN=1, ACCEPT=2, DECLINE=3
`,
  },
];
