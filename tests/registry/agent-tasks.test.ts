import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { AgentTasks } from "../../src/registry/agent-tasks.ts";
import { readTask, type TaskRecord } from "../../src/registry/records.ts";

const task = (id: number): TaskRecord =>
  readTask([`t${id}`, "f", "a", "*", new Uint8Array(0), 0, "TASK_RUNNING", null, null, null, [], null, "r"]);

test("tasks come and go as in a set, in the order they came", () => {
  for (const tasks of [3, 200]) {
    const random = new Random(tasks);
    const agent = new AgentTasks();
    const model = new Set<TaskRecord>();
    for (let step = 0; step < 600; step++) {
      const gone = random.pick([...model, task(step)]);
      if (model.size >= tasks || random.chance(0.3)) {
        agent.delete(gone);
        model.delete(gone);
      } else {
        const added = task(step);
        agent.add(added);
        model.add(added);
      }
      expect(agent.size).toBe(model.size);
    }
    expect([...agent]).toEqual([...model]);
    for (const left of model) agent.delete(left);
    expect([...agent]).toEqual([]);
  }
});
