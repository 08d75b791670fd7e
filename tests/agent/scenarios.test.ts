import { join } from "node:path";
import { scenarioTests } from "../support/scenario.ts";
import { agentInterpreter } from "./scenario-agent.ts";

scenarioTests(join(import.meta.dir, "scenarios"), agentInterpreter);
