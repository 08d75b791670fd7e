package main

import (
	"context"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpmaster"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
)

const metricsTimeout = 5 * time.Second

func operator(address string) calls.Sender {
	return httpmaster.NewSender(httpcli.New(httpcli.Endpoint("http://" + address + "/api/v1")).Send)
}

// watch prints the operator event stream until it ends.
func watch(ctx context.Context, address string) error {
	response, err := operator(address).Send(ctx, calls.NonStreaming(calls.Subscribe()))
	if err != nil {
		return err
	}
	defer response.Close()
	for {
		var e master.Event
		if err := response.Decode(&e); err != nil {
			return err
		}
		tell(eventLine(&e))
	}
}

// heartbeat is younger than this mesos-go, which keeps its number.
const heartbeat = master.Event_Type(9)

func eventLine(e *master.Event) line {
	l := line{"event": e.GetType().String()}
	switch e.GetType() {
	case heartbeat:
		l["event"] = "HEARTBEAT"
	case master.Event_SUBSCRIBED:
		state := e.GetSubscribed().GetGetState()
		l["agents"] = len(state.GetGetAgents().GetAgents())
		l["frameworks"] = len(state.GetGetFrameworks().GetFrameworks())
	case master.Event_AGENT_ADDED:
		l["agent"] = e.GetAgentAdded().Agent.AgentInfo.GetID().GetValue()
		l["active"] = e.GetAgentAdded().Agent.Active
		l["total"] = len(e.GetAgentAdded().Agent.TotalResources)
	case master.Event_AGENT_REMOVED:
		l["agent"] = e.GetAgentRemoved().AgentID.Value
	case master.Event_FRAMEWORK_ADDED:
		l["framework"] = e.GetFrameworkAdded().Framework.FrameworkInfo.GetID().GetValue()
		l["roles"] = e.GetFrameworkAdded().Framework.FrameworkInfo.Roles
	case master.Event_FRAMEWORK_UPDATED:
		l["framework"] = e.GetFrameworkUpdated().Framework.FrameworkInfo.GetID().GetValue()
	case master.Event_FRAMEWORK_REMOVED:
		l["framework"] = e.GetFrameworkRemoved().FrameworkInfo.GetID().GetValue()
	case master.Event_TASK_ADDED:
		l["task"] = e.GetTaskAdded().Task.TaskID.Value
		l["framework"] = e.GetTaskAdded().Task.FrameworkID.Value
		l["agent"] = e.GetTaskAdded().Task.AgentID.Value
		l["state"] = e.GetTaskAdded().Task.GetState().String()
	case master.Event_TASK_UPDATED:
		updated := e.GetTaskUpdated()
		l["task"] = updated.Status.TaskID.Value
		l["framework"] = updated.FrameworkID.Value
		l["agent"] = updated.Status.GetAgentID().GetValue()
		l["state"] = updated.Status.GetState().String()
		l["latest"] = updated.GetState().String()
	}
	return l
}

// ask makes each call that only reads, and one whose answer must be empty.
func ask(ctx context.Context, address string) error {
	sender := operator(address)
	timeout := metricsTimeout
	for _, call := range []*master.Call{
		calls.GetHealth(), calls.GetFlags(), calls.GetVersion(), calls.GetMetrics(&timeout),
		calls.GetLoggingLevel(), calls.GetState(), calls.GetAgents(), calls.GetFrameworks(),
		calls.GetExecutors(), calls.GetTasks(), calls.GetRoles(), calls.GetWeights(),
		calls.GetMaster(), calls.GetMaintenanceStatus(), calls.GetMaintenanceSchedule(), calls.GetQuota(),
	} {
		answer, err := askOne(ctx, sender, call)
		l := line{"event": "answer", "call": call.GetType().String(), "error": errorText(err)}
		if err == nil {
			l["type"] = answer.GetType().String()
			fill(l, answer)
		}
		tell(l)
	}
	level := calls.SetLoggingLevel(0, time.Minute)
	err := calls.SendNoData(ctx, sender, calls.NonStreaming(level))
	tell(line{"event": "answer", "call": level.GetType().String(), "error": errorText(err)})
	return nil
}

func askOne(ctx context.Context, sender calls.Sender, call *master.Call) (*master.Response, error) {
	response, err := sender.Send(ctx, calls.NonStreaming(call))
	if response != nil {
		defer response.Close()
	}
	if err != nil {
		return nil, err
	}
	var answer master.Response
	return &answer, response.Decode(&answer)
}

// fill adds what the test compares with the cluster it built.
func fill(l line, answer *master.Response) {
	switch answer.GetType() {
	case master.Response_GET_HEALTH:
		l["healthy"] = answer.GetGetHealth().GetHealthy()
	case master.Response_GET_VERSION:
		l["version"] = answer.GetGetVersion().VersionInfo.Version
	case master.Response_GET_METRICS:
		l["metrics"] = len(answer.GetGetMetrics().Metrics)
	case master.Response_GET_FLAGS:
		l["flags"] = len(answer.GetGetFlags().Flags)
	case master.Response_GET_AGENTS:
		l["agents"] = agentLines(answer.GetGetAgents())
	case master.Response_GET_FRAMEWORKS:
		l["frameworks"] = len(answer.GetGetFrameworks().Frameworks)
	case master.Response_GET_TASKS:
		l["tasks"] = len(answer.GetGetTasks().Tasks)
	case master.Response_GET_STATE:
		l["tasks"] = len(answer.GetGetState().GetGetTasks().GetTasks())
		l["agents"] = agentLines(answer.GetGetState().GetGetAgents())
	case master.Response_GET_ROLES:
		roles := []string{}
		for _, role := range answer.GetGetRoles().Roles {
			roles = append(roles, role.Name)
		}
		l["roles"] = roles
	case master.Response_GET_MASTER:
		l["port"] = answer.GetGetMaster().GetMasterInfo().GetAddress().GetPort()
	}
}

func agentLines(agents *master.Response_GetAgents) []line {
	lines := []line{}
	for _, agent := range agents.GetAgents() {
		lines = append(lines, line{
			"id":    agent.AgentInfo.GetID().GetValue(),
			"total": amounts(agent.TotalResources),
			"used":  amounts(agent.AllocatedResources),
		})
	}
	return lines
}

func amounts(list []mesos.Resource) map[string]float64 {
	found := map[string]float64{}
	for _, r := range list {
		if r.Scalar != nil {
			found[r.Name] += r.Scalar.Value
		}
	}
	return found
}
