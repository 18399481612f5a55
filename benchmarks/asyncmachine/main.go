// Command asyncmachine runs the workloads of benchmarks/relations on asyncmachine-go, so that both machines stand in one
// table. It needs a checkout of github.com/pancsta/asyncmachine-go, which the Go module proxy does not serve; in a
// directory outside this repository, beside a copy of this file:
//
//	go mod init asyncmachine
//	go mod edit -require github.com/pancsta/asyncmachine-go@v0.0.0 \
//	  -replace github.com/pancsta/asyncmachine-go=/path/to/checkout
//	go mod tidy && go build -o asyncmachine .
//	TRELLIS_BENCH_ASYNCMACHINE=$PWD/asyncmachine python -m benchmarks.relations
//
// Each argument is a JSON file: one workload, or a list of them that are run one after the other and reported as one.
// One JSON object per file is printed: mutations per second on machines that have run nothing yet ("first") and on one
// machine that repeats the workload ("warm"; absent for a list), and what the first pass came to, to compare the work.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"time"

	am "github.com/pancsta/asyncmachine-go/pkg/machine"
)

type state struct {
	Auto, Multi                 bool
	Require, Add, Remove, After []string
}

type workload struct {
	Name     string
	Schema   map[string]state
	Order    []string
	Ops      [][]any
	Handlers []string
	calls    []call
}

type call struct {
	kind   string
	states am.S
}

type outcome struct {
	Executed int    `json:"executed"`
	Canceled int    `json:"canceled"`
	TimeSum  uint64 `json:"time_sum"`
}

type report struct {
	Name    string    `json:"name"`
	First   float64   `json:"first"`
	Warm    float64   `json:"warm,omitempty"`
	Passes  []outcome `json:"passes"`
	Go      string    `json:"go"`
	Repeats int       `json:"repeats"`
}

func main() {
	seconds := flag.Float64("sec", 0.5, "how long each figure is measured; a pass is never cut short")
	flag.Parse()
	for _, path := range flag.Args() {
		text, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		line, err := json.Marshal(measure(read(text), time.Duration(*seconds*float64(time.Second))))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(line))
	}
}

// read takes one workload or a list of them.
func read(text []byte) []*workload {
	var found []*workload
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		text = append(append([]byte("["), text...), ']')
	}
	if err := json.Unmarshal(text, &found); err != nil {
		log.Fatal(err)
	}
	for _, w := range found {
		for _, op := range w.Ops {
			names := am.S{}
			for _, name := range op[1].([]any) {
				names = append(names, name.(string))
			}
			w.calls = append(w.calls, call{op[0].(string), names})
		}
	}
	return found
}

// fresh builds a machine that has run nothing, with the workload's handlers, all of which agree.
func fresh(w *workload) *am.Machine {
	schema := am.Schema{}
	for name, s := range w.Schema {
		schema[name] = am.State{
			Auto: s.Auto, Multi: s.Multi, Require: s.Require, Add: s.Add, Remove: s.Remove, After: s.After,
		}
	}
	machine := am.New(context.Background(), schema, &am.Opts{Id: w.Name, HandlerTimeout: time.Minute})
	order := append(am.S{}, w.Order...)
	if _, ok := w.Schema["Exception"]; !ok {
		order = append(order, "Exception")
	}
	if err := machine.VerifyStates(order); err != nil {
		log.Fatal(err)
	}
	if len(w.Handlers) == 0 {
		return machine
	}
	negotiation := map[string]am.HandlerNegotiation{}
	final := map[string]am.HandlerFinal{}
	called := 0
	for _, name := range w.Handlers {
		if strings.HasSuffix(name, "State") || strings.HasSuffix(name, "End") {
			final[name] = func(*am.Event) { called++ }
		} else {
			negotiation[name] = func(*am.Event) bool { called++; return true }
		}
	}
	if _, err := machine.HandlersBindMaps(negotiation, final); err != nil {
		log.Fatal(err)
	}
	return machine
}

func do(machine *am.Machine, c *call) am.Result {
	switch c.kind {
	case "add":
		return machine.Add(c.states, nil)
	case "remove":
		return machine.Remove(c.states, nil)
	case "set":
		return machine.Set(c.states, nil)
	case "toggle":
		return machine.Toggle(c.states, nil)
	}
	log.Fatalf("unknown operation %q", c.kind)
	return am.Canceled
}

func measure(list []*workload, limit time.Duration) report {
	r := report{Name: list[0].Name, Go: runtime.Version()}
	var last *am.Machine
	var spent, longest time.Duration
	ops := 0
	// Building a machine is not timed, but may take long beside a short pass: it ends the rounds too.
	for begun := time.Now(); spent == 0 || (spent < limit && time.Since(begun) < 4*limit); {
		machines := make([]*am.Machine, len(list))
		for i, w := range list {
			machines[i] = fresh(w)
		}
		runtime.GC()
		for i, w := range list {
			var o outcome
			machine := machines[i]
			started := time.Now()
			for k := range w.calls {
				if do(machine, &w.calls[k]) == am.Executed {
					o.Executed++
				} else {
					o.Canceled++
				}
			}
			took := time.Since(started)
			spent += took
			longest = max(longest, took)
			ops += len(w.calls)
			if r.Repeats == 0 {
				o.TimeSum = machine.Time(nil).Sum(nil)
				r.Passes = append(r.Passes, o)
			}
			last = machine
		}
		r.Repeats++
		if len(list) > 1 {
			break
		}
	}
	r.First = float64(ops) / spent.Seconds()
	if len(list) > 1 {
		return r
	}
	// Nothing is cached there: a pass that is longer than the limit is as warm as it gets.
	if r.Warm = r.First; longest < limit {
		r.Warm = warm(last, list[0], longest, limit)
	}
	return r
}

func warm(machine *am.Machine, w *workload, pass, limit time.Duration) float64 {
	batch := 1 + int(time.Millisecond/pass) // reading the clock must not weigh on a pass of one mutation
	runtime.GC()
	ops := 0
	begun := time.Now()
	for time.Since(begun) < limit {
		for range batch {
			for k := range w.calls {
				do(machine, &w.calls[k])
			}
		}
		ops += batch * len(w.calls)
	}
	return float64(ops) / time.Since(begun).Seconds()
}
