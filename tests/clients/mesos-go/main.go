// A framework and an operator built on Debian's mesos-go, unmodified. They
// speak v1 protobuf and print one JSON object a line for the test to judge.
//
//	scheduler HOST:PORT,… ROLE,…   orders on standard input, see orders.go
//	watch HOST:PORT                the operator event stream
//	ask HOST:PORT                  each operator call that only reads, once
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
)

type line map[string]interface{}

var output sync.Mutex

func tell(l line) {
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
	case len(arguments) == 3 && arguments[0] == "scheduler":
		err = runScheduler(ctx, strings.Split(arguments[1], ","), strings.Split(arguments[2], ","))
	case len(arguments) == 2 && arguments[0] == "watch":
		err = watch(ctx, arguments[1])
	case len(arguments) == 2 && arguments[0] == "ask":
		err = ask(ctx, arguments[1])
	default:
		err = fmt.Errorf("cannot run %q: give scheduler MASTERS ROLES, watch MASTER or ask MASTER", arguments)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
