package main

import (
	"math"
	"sync"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
)

const (
	cpusPerTask   = 0.05
	memoryPerTask = 16
	// Of one ACCEPT: many small ones spread over both agents and all the time of the test.
	tasksPerOffer = 10
)

type task struct {
	id, role, command string
}

// taskTable holds the tasks that wait for an offer and those of which nothing
// was told since their launch. The zero refusal means: offer again at once.
type taskTable struct {
	lock     sync.Mutex
	refuse   time.Duration
	waiting  []task
	launched map[string]task
	// When each task of `launched` was put into an ACCEPT, and for which agent.
	agents map[string]string
}

func newTaskTable() *taskTable {
	return &taskTable{refuse: time.Hour, launched: map[string]task{}, agents: map[string]string{}}
}

func (t *taskTable) refusal() time.Duration {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.refuse
}

func (t *taskTable) setRefusal(refuse time.Duration) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.refuse = refuse
}

func (t *taskTable) add(tasks ...task) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.waiting = append(t.waiting, tasks...)
}

// take removes what fits into the offer from the waiting tasks of its role.
func (t *taskTable) take(offer *mesos.Offer) (infos []mesos.TaskInfo) {
	cpus, _ := resources.CPUs(offer.Resources...)
	memory, _ := resources.Memory(offer.Resources...)
	room := math.Min(math.Floor(cpus/cpusPerTask+1e-6), math.Floor(float64(memory)/memoryPerTask))
	room = math.Min(room, tasksPerOffer)
	role := offer.GetAllocationInfo().GetRole()
	t.lock.Lock()
	defer t.lock.Unlock()
	kept := t.waiting[:0:0]
	for _, one := range t.waiting {
		if one.role != role || len(infos) >= int(room) {
			kept = append(kept, one)
			continue
		}
		infos = append(infos, taskInfo(one, offer.AgentID))
		t.launched[one.id] = one
		t.agents[one.id] = offer.AgentID.Value
	}
	t.waiting = kept
	return infos
}

func taskInfo(t task, agent mesos.AgentID) mesos.TaskInfo {
	shell := true
	return mesos.TaskInfo{
		Name:    t.id,
		TaskID:  mesos.TaskID{Value: t.id},
		AgentID: agent,
		Command: &mesos.CommandInfo{Shell: &shell, Value: &t.command},
		Resources: []mesos.Resource{
			resources.NewCPUs(cpusPerTask).Resource,
			resources.NewMemory(memoryPerTask).Resource,
		},
	}
}

// told notes a status and says whether its task waits again: an ACCEPT that
// died with a leader, or whose offer did, never started its tasks.
func (t *taskTable) told(status *mesos.TaskStatus) (again bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	id := status.TaskID.Value
	one, untold := t.launched[id]
	if !untold {
		return false
	}
	switch status.GetState() {
	case mesos.TASK_DROPPED, mesos.TASK_GONE, mesos.TASK_UNKNOWN:
		t.waiting = append(t.waiting, one)
		again = true
	}
	delete(t.launched, id)
	delete(t.agents, id)
	return again
}

// untold gives the agent of each task of which nothing was told.
func (t *taskTable) untold() map[string]string {
	t.lock.Lock()
	defer t.lock.Unlock()
	found := map[string]string{}
	for id, agent := range t.agents {
		found[id] = agent
	}
	return found
}
