package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

// order is one line of standard input.
type order struct {
	Do string `json:"do"`
	// launch, store: tasks of one role that wait for offers; {id} in the command is the
	// task's. Those of store run one after the other on a reservation with a volume.
	Role    string   `json:"role"`
	IDs     []string `json:"ids"`
	Command string   `json:"command"`
	// refuse: what offers without use are declined for.
	Seconds float64 `json:"seconds"`
	// give-up: the role whose volume is destroyed and whose reservation ends.
	// revive, suppress: all roles when empty.
	Roles []string `json:"roles"`
	// kill, reconcile: agent of each task, "" to leave it out; none reconciles all.
	Tasks map[string]string `json:"tasks"`
}

func (f *framework) takeOrders(ctx context.Context, end context.CancelFunc) {
	// The test that gives the orders is gone.
	defer end()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o order
		err := json.Unmarshal(lines.Bytes(), &o)
		if err == nil {
			err = f.obey(ctx, o)
		}
		tell(line{"event": "obeyed", "do": o.Do, "error": errorText(err)})
		if o.Do == "stop" {
			return
		}
	}
}

func (f *framework) obey(ctx context.Context, o order) error {
	send := func(call *scheduler.Call) error { return calls.CallNoData(ctx, f.caller, call) }
	switch o.Do {
	case "launch":
		f.tasks.add(o.ordered()...)
		return nil
	case "store":
		f.keeper.store(o.ordered()...)
		return nil
	case "give-up":
		f.keeper.giveUp(o.Role)
		return nil
	case "refuse":
		f.tasks.setRefusal(time.Duration(o.Seconds * float64(time.Second)))
		return nil
	case "revive":
		return send(calls.ReviveWith(o.Roles))
	case "suppress":
		return send(calls.SuppressWith(o.Roles))
	case "kill":
		for id, agent := range o.Tasks {
			if err := send(calls.Kill(id, agent)); err != nil {
				return err
			}
		}
		return nil
	case "reconcile":
		return send(calls.Reconcile(calls.ReconcileTasks(o.Tasks)))
	case "stop":
		return send(&scheduler.Call{Type: scheduler.Call_TEARDOWN})
	}
	return fmt.Errorf("cannot obey %q: no such order", o.Do)
}

func (o order) ordered() (tasks []task) {
	for _, id := range o.IDs {
		tasks = append(tasks, task{id: id, role: o.Role, command: strings.ReplaceAll(o.Command, "{id}", id)})
	}
	return tasks
}

// askForUntold reconciles the tasks that were untold before and still are.
func (f *framework) askForUntold(ctx context.Context) {
	ticker := time.NewTicker(reconcileInterval)
	defer ticker.Stop()
	before := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := f.tasks.untold()
		late := map[string]string{}
		for id, agent := range now {
			if _, waited := before[id]; waited {
				late[id] = agent
			}
		}
		before = now
		if len(late) > 0 {
			calls.CallNoData(ctx, f.caller, calls.Reconcile(calls.ReconcileTasks(late)))
		}
	}
}
