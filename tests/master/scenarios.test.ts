import { join } from "node:path";
import { masterScenario } from "../support/master-scenario.ts";
import { scenarioTests } from "../support/scenario.ts";

scenarioTests(join(import.meta.dir, "scenarios"), masterScenario);
