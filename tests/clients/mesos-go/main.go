// A framework and an operator built on Debian's mesos-go, unmodified. They
// speak the v1 API and print one JSON object a line for the test to judge.
//
//	scheduler CODEC HOST:PORT,… ROLE,…   orders on standard input, see orders.go
//	watch HOST:PORT                      the operator event stream
//	ask HOST:PORT                        each operator call that only reads, once
//	ask-agent HOST:PORT                  the same of an agent
//	executor                             as an agent starts it, see executor.go
//
// CODEC is protobuf or json.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

type line map[string]interface{}

var output sync.Mutex

// tell prints the line with its time in seconds.
func tell(l line) {
	l["at"] = float64(time.Now().UnixMicro()) / 1e6
	text, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func main() {
	arguments := os.Args[1:]
	ctx := context.Background()
	var err error
	switch {
	case len(arguments) == 4 && arguments[0] == "scheduler":
		masters := newMasters(arguments[1], strings.Split(arguments[2], ","))
		err = runScheduler(ctx, masters, strings.Split(arguments[3], ","))
	case len(arguments) == 2 && arguments[0] == "watch":
		err = watch(ctx, arguments[1])
	case len(arguments) == 2 && arguments[0] == "ask":
		err = ask(ctx, arguments[1])
	case len(arguments) == 2 && arguments[0] == "ask-agent":
		err = askAgent(ctx, arguments[1])
	case len(arguments) == 1 && arguments[0] == "executor":
		err = runExecutor(ctx)
	default:
		err = fmt.Errorf("cannot run %q: see main.go for the words", arguments)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
