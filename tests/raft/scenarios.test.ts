import { join } from "node:path";
import { raftInterpreter } from "../support/raft-scenario.ts";
import { scenarioTests } from "../support/scenario.ts";

scenarioTests(join(import.meta.dir, "scenarios"), raftInterpreter);
