package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/backoff"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/executor/calls"
	"github.com/mesos/mesos-go/api/v1/lib/executor/config"
	"github.com/mesos/mesos-go/api/v1/lib/executor/events"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpexec"
)

// status with which it ends when it is told to.
const shutdownStatus = 7

// taskRunner runs each task's data as a shell script, and keeps what mesos-go's
// own example executor keeps: tasks and updates that are not acknowledged.
type taskRunner struct {
	sync.Mutex
	cli     calls.Sender
	tasks   map[mesos.TaskID]mesos.TaskInfo
	updates map[string]executor.Call_Update
	running map[mesos.TaskID]*exec.Cmd
	killed  map[mesos.TaskID]bool
}

func runExecutor(ctx context.Context) error {
	cfg, err := config.FromEnv()
	if err != nil {
		return err
	}
	options := executor.CallOptions{calls.Framework(cfg.FrameworkID), calls.Executor(cfg.ExecutorID)}
	token := "Bearer " + os.Getenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN")
	cli := httpcli.New(
		httpcli.Endpoint("http://"+cfg.AgentEndpoint+"/api/v1/executor"),
		httpcli.DefaultHeader("Authorization", token),
	)
	runner := &taskRunner{
		cli:     calls.SenderWith(httpexec.NewSender(cli.Send), options...),
		tasks:   map[mesos.TaskID]mesos.TaskInfo{},
		updates: map[string]executor.Call_Update{},
		running: map[mesos.TaskID]*exec.Cmd{},
		killed:  map[mesos.TaskID]bool{},
	}
	subscriber := calls.SenderWith(httpexec.NewSender(cli.Send, httpcli.Close(true)), options...)
	mayTry := backoff.Notifier(100*time.Millisecond, cfg.SubscriptionBackoffMax, ctx.Done())
	gone := time.Now()
	for cfg.Checkpoint && time.Since(gone) < cfg.RecoveryTimeout {
		response, err := subscriber.Send(ctx, calls.NonStreaming(runner.subscription()))
		if err == nil {
			err = runner.listen(ctx, response)
			gone = time.Now()
		}
		if response != nil {
			response.Close()
		}
		fmt.Fprintln(os.Stderr, "disconnected:", err)
		<-mayTry
	}
	return fmt.Errorf("no agent for %v", cfg.RecoveryTimeout)
}

func (r *taskRunner) subscription() *executor.Call {
	r.Lock()
	defer r.Unlock()
	tasks := []mesos.TaskInfo{}
	for _, task := range r.tasks {
		tasks = append(tasks, task)
	}
	updates := []executor.Call_Update{}
	for _, update := range r.updates {
		updates = append(updates, update)
	}
	return calls.Subscribe(tasks, updates)
}

func (r *taskRunner) listen(ctx context.Context, decoder encoding.Decoder) error {
	handlers := events.HandlerFuncs{
		executor.Event_LAUNCH: func(_ context.Context, e *executor.Event) error {
			r.launch(e.Launch.Task)
			return nil
		},
		executor.Event_LAUNCH_GROUP: func(_ context.Context, e *executor.Event) error {
			fmt.Println("group of", len(e.LaunchGroup.TaskGroup.Tasks))
			for _, task := range e.LaunchGroup.TaskGroup.Tasks {
				r.launch(task)
			}
			return nil
		},
		executor.Event_KILL: func(_ context.Context, e *executor.Event) error {
			r.kill(e.Kill.TaskID)
			return nil
		},
		executor.Event_ACKNOWLEDGED: func(_ context.Context, e *executor.Event) error {
			r.Lock()
			defer r.Unlock()
			delete(r.tasks, e.Acknowledged.TaskID)
			delete(r.updates, string(e.Acknowledged.UUID))
			return nil
		},
		executor.Event_MESSAGE: func(ctx context.Context, e *executor.Event) error {
			return r.send(ctx, calls.Message(append([]byte("heard "), e.Message.Data...)))
		},
		executor.Event_SHUTDOWN: func(context.Context, *executor.Event) error {
			os.Exit(shutdownStatus)
			return nil
		},
	}
	for {
		var e executor.Event
		if err := decoder.Decode(&e); err != nil {
			return err
		}
		if err := handlers.HandleEvent(ctx, &e); err != nil {
			fmt.Fprintln(os.Stderr, e.GetType(), err)
		}
	}
}

func (r *taskRunner) launch(task mesos.TaskInfo) {
	command := exec.Command("/bin/sh", "-c", string(task.Data))
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.Lock()
	r.tasks[task.TaskID] = task
	r.running[task.TaskID] = command
	r.Unlock()
	if err := command.Start(); err != nil {
		r.tell(task, mesos.TASK_FAILED, err.Error())
		return
	}
	r.tell(task, mesos.TASK_RUNNING, fmt.Sprintf("pid %d", command.Process.Pid))
	go r.await(task, command)
}

func (r *taskRunner) await(task mesos.TaskInfo, command *exec.Cmd) {
	err := command.Wait()
	r.Lock()
	asked := r.killed[task.TaskID]
	r.Unlock()
	state := mesos.TASK_FINISHED
	if asked {
		state = mesos.TASK_KILLED
	} else if err != nil {
		state = mesos.TASK_FAILED
	}
	r.tell(task, state, errorText(err))
}

func (r *taskRunner) kill(id mesos.TaskID) {
	r.Lock()
	defer r.Unlock()
	r.killed[id] = true
	if command := r.running[id]; command != nil {
		syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	}
}

// tell keeps the update until the agent acknowledges it: what cannot be sent now goes with the next subscription.
func (r *taskRunner) tell(task mesos.TaskInfo, state mesos.TaskState, message string) {
	uuid := make([]byte, 16)
	if _, err := rand.Read(uuid); err != nil {
		panic(err)
	}
	status := mesos.TaskStatus{
		TaskID:  task.TaskID,
		State:   &state,
		Source:  mesos.SOURCE_EXECUTOR.Enum(),
		Message: &message,
		UUID:    uuid,
	}
	call := calls.Update(status)
	r.Lock()
	r.updates[string(uuid)] = *call.Update
	r.Unlock()
	if err := r.send(context.Background(), call); err != nil {
		fmt.Fprintln(os.Stderr, "update:", err)
	}
}

func (r *taskRunner) send(ctx context.Context, call *executor.Call) error {
	response, err := r.cli.Send(ctx, calls.NonStreaming(call))
	if response != nil {
		response.Close()
	}
	return err
}
