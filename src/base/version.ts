/**
 * Version of the Mesos API that mesh speaks. Clients read it from /version,
 * MasterInfo and agents, want digits and dots only, and refuse what is below
 * 1.0.0; mesh's own version stands beside it in `git_tag`.
 */
export const MESOS_API_VERSION = "1.11.0";
