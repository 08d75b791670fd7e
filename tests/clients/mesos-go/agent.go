package main

import (
	"context"

	"github.com/mesos/mesos-go/api/v1/lib/agent"
	"github.com/mesos/mesos-go/api/v1/lib/agent/calls"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpagent"
)

// askAgent makes each call to an agent that only reads, then reads the output
// of its only task from the sandbox.
func askAgent(ctx context.Context, address string) error {
	sender := httpagent.NewSender(httpcli.New(httpcli.Endpoint("http://" + address + "/slave(1)/api/v1")).Send)
	timeout := metricsTimeout
	sandbox := ""
	for _, call := range []*agent.Call{
		calls.GetHealth(), calls.GetFlags(), calls.GetVersion(), calls.GetMetrics(&timeout),
		calls.GetLoggingLevel(), calls.GetState(), calls.GetContainers(), calls.GetFrameworks(),
		calls.GetExecutors(), calls.GetTasks(), calls.GetAgent(),
	} {
		answer := tellAgentAnswer(ctx, sender, call)
		for _, container := range answer.GetGetContainers().GetContainers() {
			sandbox = "/frameworks/" + container.FrameworkID.Value +
				"/executors/" + container.ExecutorID.Value + "/runs/latest"
		}
	}
	tellAgentAnswer(ctx, sender, calls.ListFiles(sandbox))
	tellAgentAnswer(ctx, sender, calls.ReadFile(sandbox+"/stdout", 0))
	return nil
}

// tellAgentAnswer gives an empty answer for a call that failed.
func tellAgentAnswer(ctx context.Context, sender calls.Sender, call *agent.Call) *agent.Response {
	var answer agent.Response
	response, err := sender.Send(ctx, calls.NonStreaming(call))
	if response != nil {
		defer response.Close()
	}
	if err == nil {
		err = response.Decode(&answer)
	}
	l := line{"event": "answer", "call": call.GetType().String(), "error": errorText(err)}
	if err == nil {
		l["type"] = answer.GetType().String()
	}
	switch answer.GetType() {
	case agent.Response_GET_CONTAINERS:
		l["containers"] = len(answer.GetGetContainers().Containers)
	case agent.Response_GET_TASKS:
		l["tasks"] = len(answer.GetGetTasks().LaunchedTasks)
	case agent.Response_GET_AGENT:
		l["agent"] = answer.GetGetAgent().GetAgentInfo().GetID().GetValue()
	case agent.Response_LIST_FILES:
		paths := []string{}
		for _, file := range answer.GetListFiles().FileInfos {
			paths = append(paths, file.Path)
		}
		l["paths"] = paths
	case agent.Response_READ_FILE:
		l["size"] = answer.GetReadFile().Size
		l["text"] = string(answer.GetReadFile().Data)
	}
	tell(l)
	return &answer
}
