// Command bench measures what a decision costs, evaluated and from the cache,
// for policies of 10, 100 and 1,000 rules and for the shipped library: a table
// of ratios, from one run. `make bench-policy` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/policy"
)

func main() {
	d := flag.Duration("time", 2*time.Second, "how long each figure is measured")
	library := flag.String("policies", "policies", "the folder of the shipped library")
	flag.Parse()
	if err := run(*d, *library); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(d time.Duration, library string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "policy\trules\tevaluated µs\tallocs\tcached ns\tallocs\tevaluated / cached\t")
	row := func(name string, sources []policy.Source) error {
		// A thousand rules take longer than a gateway waits by default.
		r, err := policy.Bench(context.Background(), sources, policy.Options{EvalTimeout: time.Second}, command(), d)
		if err != nil {
			return err
		}
		if r.NotCached != "" {
			return fmt.Errorf("%s is not cached: %s", name, r.NotCached)
		}
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.0f\t%.0f\t%.0f\t%.0f\t\n", name, r.Rules, r.Uncached.Nanoseconds/1000, r.Uncached.Allocations,
			r.Cached.Nanoseconds, r.Cached.Allocations, r.Uncached.Nanoseconds/r.Cached.Nanoseconds)
		return nil
	}
	for _, n := range []int{10, 100, 1000} {
		if err := row(fmt.Sprintf("%d rules", n), []policy.Source{generated(n)}); err != nil {
			return err
		}
	}
	var demo []policy.Source
	for _, name := range []string{"agents", "guardrails", "probing"} {
		src, err := policy.ReadSource(name, library+"/"+name)
		if err != nil {
			return err
		}
		demo = append(demo, src)
	}
	if err := row("the demo's three", demo); err != nil {
		return err
	}
	return w.Flush()
}

// shapes are what people's rules look like; none of them is true of command.
var shapes = []string{
	`deny contains "r%[1]d" if "public.secret_%[1]d" in input.command.reads`,
	`hold contains {"approval": "change", "reason": "r%[1]d"} if {
	input.connection.labels.environment == "region-%[1]d"
	some op in input.command.operations
	op in {"delete", "update"}
}`,
	`deny contains {"reason": "r%[1]d", "hint": "ask"} if {
	input.command.flags.ddl
	not "team-%[1]d" in input.principal.groups
}`,
	`allow if {
	some group in input.principal.groups
	group == "crew-%[1]d"
}`,
	`hold contains {"approval": "change", "reason": "r%[1]d"} if input.command.risk > 60 + %[1]d`,
}

func generated(n int) policy.Source {
	var b strings.Builder
	b.WriteString("package many\n\nallow if \"crew-support\" in input.principal.groups\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "\n"+shapes[i%len(shapes)]+"\n", i)
	}
	return policy.Source{Name: "many", Files: []policy.File{{Path: "many.rego", Data: []byte(b.String())}}}
}

// command is a read by an agent, as a gateway in front of PostgreSQL asks
// about it.
func command() *policy.Input {
	own := map[string]any{"settings": []any{}}
	for _, fact := range []string{"reads_protected_relation", "returns_protected", "derives_from_protected", "filters_protected_const",
		"filters_derived", "filters_null_protected", "joins_protected_with_protected", "orders_by_protected", "groups_by_protected",
		"calls_opaque_function", "filters_on_opaque_function", "fires_opaque_trigger"} {
		own[fact] = false
	}
	return &policy.Input{
		Principal: &identity.Principal{Subject: "agent-7", Issuer: "https://idp.example.com", Groups: []string{"crew-support", "everybody"}, Kinds: []string{"agent"},
			Chain: []identity.Hop{{Subject: "analyst-3", Kind: "human", Proof: identity.ProofToken}}},
		Connection: policy.Connection{Name: "orders", Protocol: "postgres", Labels: map[string]string{"environment": "production", "data": "customer"}},
		Session:    policy.Session{ID: "01J", Client: policy.Client{Address: "10.0.0.7", Application: "crewai", User: "agent-7"}},
		Command: policy.Command{Protocol: "postgres", Complete: true, Resolved: "server", Operations: []string{"select"}, Reads: []string{"public.customers", "public.orders"},
			Columns: []string{"public.customers.id", "public.customers.name", "public.orders.customer_id"}, Filters: []string{"public.orders.customer_id"},
			Functions: []string{"pg_catalog.count"}, Flags: map[string]bool{"where": true}, Own: own, Parameters: 1},
		Time: time.Now(), Generation: "sha256:g",
	}
}
