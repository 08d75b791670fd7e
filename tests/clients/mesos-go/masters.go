package main

import (
	"context"
	"sync"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/callrules"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpsched"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

// masters makes the scheduler's calls. mesos-go knows one URL and follows
// redirects from it: it is set to the next master when nobody answers there.
type masters struct {
	lock      sync.Mutex
	addresses []string
	next      int
	client    *httpcli.Client
	caller    calls.Caller
}

func newMasters(codec string, addresses []string) *masters {
	mediaType := codecs.MediaTypeProtobuf
	if codec == codecs.NameJSON {
		mediaType = codecs.MediaTypeJSON
	}
	client := httpcli.New(
		httpcli.Endpoint(schedulerURL(addresses[0])),
		httpcli.Codec(codecs.ByMediaType[mediaType]),
	)
	return &masters{
		addresses: addresses,
		client:    client,
		caller:    httpsched.NewCaller(client, httpsched.AllowReconnection(true)),
	}
}

func schedulerURL(address string) string {
	return "http://" + address + "/api/v1/scheduler"
}

// Call implements calls.Caller.
func (m *masters) Call(ctx context.Context, call *scheduler.Call) (mesos.Response, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.caller.Call(ctx, call)
}

func (m *masters) tryNext() {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.next = (m.next + 1) % len(m.addresses)
	m.client.With(httpcli.Endpoint(schedulerURL(m.addresses[m.next])))
}

// tellCalls reports the outcome of every call.
func tellCalls(ctx context.Context, call *scheduler.Call, response mesos.Response, err error, chain callrules.Chain) (context.Context, *scheduler.Call, mesos.Response, error) {
	ctx, call, response, err = chain(ctx, call, response, err)
	l := line{"event": "call", "call": call.GetType().String(), "error": errorText(err)}
	if acknowledge := call.GetAcknowledge(); acknowledge != nil {
		l["task"] = acknowledge.TaskID.Value
		l["uuid"] = hex(acknowledge.UUID)
	}
	tell(l)
	return ctx, call, response, err
}
