package main

import (
	"context"
	hexadecimal "encoding/hex"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/backoff"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/callrules"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/controller"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/eventrules"
	"github.com/mesos/mesos-go/api/v1/lib/extras/store"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/events"
)

const (
	failoverTimeout = time.Hour
	// Between two subscriptions, growing.
	subscribeWaitMin = 100 * time.Millisecond
	subscribeWaitMax = 2 * time.Second
	// Between two questions about tasks of which nothing was told.
	reconcileInterval = time.Second
)

// framework is one scheduler: its caller, its tasks and what it declines for.
type framework struct {
	caller calls.Caller
	tasks  *taskTable
	keeper keeper
}

func runScheduler(parent context.Context, masters *masters, roles []string) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	id := store.NewInMemorySingleton()
	f := &framework{
		caller: callrules.New(callrules.WithFrameworkID(store.GetIgnoreErrors(id)), tellCalls).Caller(masters),
		tasks:  newTaskTable(),
	}
	go f.takeOrders(ctx, cancel)
	go f.askForUntold(ctx)
	err := controller.Run(ctx, frameworkInfo(roles), f.caller,
		controller.WithEventHandler(f.handler(id)),
		controller.WithFrameworkID(store.GetIgnoreErrors(id)),
		controller.WithRegistrationTokens(backoff.Notifier(subscribeWaitMin, subscribeWaitMax, ctx.Done())),
		controller.WithSubscriptionTerminated(func(err error) {
			tell(line{"event": "disconnected", "error": errorText(err)})
			masters.tryNext()
		}),
	)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func frameworkInfo(roles []string) *mesos.FrameworkInfo {
	timeout, checkpoint := failoverTimeout.Seconds(), true
	info := &mesos.FrameworkInfo{
		User:            "root",
		Name:            "mesos-go",
		Roles:           roles,
		FailoverTimeout: &timeout,
		Checkpoint:      &checkpoint,
	}
	for _, capability := range []mesos.FrameworkInfo_Capability_Type{
		mesos.FrameworkInfo_Capability_MULTI_ROLE,
		mesos.FrameworkInfo_Capability_PARTITION_AWARE,
		mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT,
		mesos.FrameworkInfo_Capability_TASK_KILLING_STATE,
	} {
		info.Capabilities = append(info.Capabilities, mesos.FrameworkInfo_Capability{Type: capability})
	}
	return info
}

func (f *framework) handler(id store.Singleton) events.Handler {
	return eventrules.New(controller.LiftErrors()).Handle(events.Handlers{
		scheduler.Event_SUBSCRIBED: eventrules.New(
			controller.TrackSubscription(id, failoverTimeout),
		).HandleF(f.subscribed),
		scheduler.Event_OFFERS: events.HandlerFunc(f.offers),
		scheduler.Event_UPDATE: eventrules.New(
			tellUpdate,
			controller.AckStatusUpdates(f.caller),
		).HandleF(f.update),
	}.Otherwise(tellOther))
}

func (f *framework) subscribed(ctx context.Context, e *scheduler.Event) error {
	s := e.GetSubscribed()
	tell(line{
		"event":     "subscribed",
		"framework": s.GetFrameworkID().GetValue(),
		"heartbeat": s.GetHeartbeatIntervalSeconds(),
		"master":    s.GetMasterInfo().GetAddress().GetPort(),
	})
	return nil
}

func (f *framework) offers(ctx context.Context, e *scheduler.Event) error {
	for i := range e.GetOffers().GetOffers() {
		offer := &e.GetOffers().GetOffers()[i]
		tellOffer(offer)
		var call *scheduler.Call
		if operations := f.keeper.operations(offer); len(operations) > 0 {
			call = calls.Accept(operations.WithOffers(offer.ID)).With(calls.RefuseSeconds(0))
		} else if tasks := f.tasks.take(offer); len(tasks) == 0 {
			call = calls.Decline(offer.ID).With(calls.RefuseSeconds(f.tasks.refusal()))
		} else {
			call = calls.Accept(
				calls.OfferOperations{calls.OpLaunch(tasks...)}.WithOffers(offer.ID),
			).With(calls.RefuseSeconds(0))
		}
		// Lost with a leader that dies: the tasks are asked for, the offer is void.
		calls.CallNoData(ctx, f.caller, call)
	}
	return nil
}

// tellUpdate reports a status before it is acknowledged.
func tellUpdate(ctx context.Context, e *scheduler.Event, err error, chain eventrules.Chain) (context.Context, *scheduler.Event, error) {
	status := e.GetUpdate().GetStatus()
	l := line{
		"event":     "update",
		"task":      status.TaskID.Value,
		"state":     status.GetState().String(),
		"source":    status.GetSource().String(),
		"agent":     status.GetAgentID().GetValue(),
		"timestamp": status.GetTimestamp(),
		"uuid":      hex(status.GetUUID()),
		"message":   status.GetMessage(),
	}
	if status.Reason != nil {
		l["reason"] = status.GetReason().String()
	}
	tell(l)
	return chain(ctx, e, err)
}

func (f *framework) update(ctx context.Context, e *scheduler.Event) error {
	if f.tasks.told(&e.Update.Status) {
		return calls.CallNoData(ctx, f.caller, calls.Revive())
	}
	return nil
}

func tellOther(ctx context.Context, e *scheduler.Event) error {
	l := line{"event": e.GetType().String()}
	switch e.GetType() {
	case scheduler.Event_RESCIND:
		l["offer"] = e.GetRescind().GetOfferID().Value
	case scheduler.Event_ERROR:
		l["message"] = e.GetError().GetMessage()
	case scheduler.Event_FAILURE:
		l["agent"] = e.GetFailure().GetAgentID().GetValue()
	}
	tell(l)
	return nil
}

func tellOffer(offer *mesos.Offer) {
	resources := []line{}
	for _, r := range offer.Resources {
		resources = append(resources, line{
			"name": r.GetName(),
			"type": r.GetType().String(),
			"role": r.GetAllocationInfo().GetRole(),
			// Roles it is reserved for, the outermost first; the volume on it.
			"reserved": reservedFor(&r),
			"volume":   r.GetDisk().GetPersistence().GetID(),
			"scalar":   r.GetScalar().GetValue(),
		})
	}
	address := offer.GetURL().GetAddress()
	tell(line{
		"event":     "offer",
		"offer":     offer.ID.Value,
		"role":      offer.GetAllocationInfo().GetRole(),
		"agent":     offer.AgentID.Value,
		"framework": offer.FrameworkID.Value,
		"hostname":  offer.Hostname,
		"ip":        address.GetIP(),
		"port":      address.GetPort(),
		"path":      offer.GetURL().GetPath(),
		"resources": resources,
	})
}

func reservedFor(r *mesos.Resource) []string {
	roles := []string{}
	for _, reservation := range r.GetReservations() {
		roles = append(roles, reservation.GetRole())
	}
	return roles
}

func hex(bytes []byte) string {
	return hexadecimal.EncodeToString(bytes)
}
