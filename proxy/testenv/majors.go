package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// SupportedMajors are the majors of PostgreSQL that the gateway promises to work with, oldest first.
var SupportedMajors = []string{"14", "15", "16", "17", "18"}

// usualMajors are what tests run against unless they are told: Debian's and the newest.
var usualMajors = []string{"15", "18"}

// Runner is a *testing.T or *testing.B, named so that whoever else uses this package need not link the testing package.
type Runner[T any] interface {
	TB
	Run(name string, f func(T)) bool
	Skipf(format string, args ...any)
}

// EachPostgres runs f as a subtest against a fresh server of each major (see EachMajor), which stops when the subtest
// ends. Tests that need options, or can share a server, use EachMajor.
//
//	func TestIt(t *testing.T) {
//		testenv.EachPostgres(t, func(t *testing.T, pg *testenv.PostgresServer) { … })
//	}
func EachPostgres[T Runner[T]](t T, f func(t T, pg *PostgresServer)) {
	t.Helper()
	EachMajor(t, func(t T, major string) {
		f(t, Postgres(t, PostgresOptions{Version: major}))
	})
}

// EachMajor runs f as a subtest ("postgres18") for each major of PostgreSQL that tests shall run against, one after the
// other. $SLUICE_POSTGRES_MAJORS names them, as "14 18" or as "all": then one that is not installed is a failure.
// Without it they are 15 and 18, and one that is not installed is a skipped subtest that says how to install it.
func EachMajor[T Runner[T]](t T, f func(t T, major string)) {
	t.Helper()
	majors, asked, err := wantedMajors(os.Getenv("SLUICE_POSTGRES_MAJORS"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, major := range majors {
		eachMajor(t, major, asked, f)
	}
}

func eachMajor[T Runner[T]](t T, major string, asked bool, f func(t T, major string)) {
	t.Helper()
	t.Run("postgres"+major, func(t T) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), startTime)
		defer cancel()
		if _, _, err := FindPostgres(ctx, major); err != nil && asked {
			t.Fatalf("$SLUICE_POSTGRES_MAJORS asks for it: %v", err)
		} else if err != nil {
			t.Skipf("not run against this major: %v", err)
		}
		f(t, major)
	})
}

// wantedMajors reads $SLUICE_POSTGRES_MAJORS: majors divided by blanks or commas.
func wantedMajors(text string) (majors []string, asked bool, err error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	switch {
	case len(words) == 0:
		return usualMajors, false, nil
	case len(words) == 1 && words[0] == "all":
		return SupportedMajors, true, nil
	}
	for _, w := range words {
		if !slices.Contains(SupportedMajors, w) {
			return nil, true, fmt.Errorf("testenv: SLUICE_POSTGRES_MAJORS=%q: %q is none of %s", text, w, strings.Join(SupportedMajors, " "))
		}
	}
	slices.Sort(words)
	return slices.Compact(words), true, nil
}

// PostgresPool is one server of each major for all the tests of a package, started when the first test asks for it.
// Its zero value is ready; TestMain stops it. Safe for concurrent use.
//
//	var pool testenv.PostgresPool
//
//	func each(t *testing.T, f func(t *testing.T, pg *testenv.PostgresServer)) {
//		testenv.EachMajor(t, func(t *testing.T, major string) { f(t, pool.Get(t, major)) })
//	}
type PostgresPool struct {
	// Options are those of every server; Version is set by Get.
	Options PostgresOptions

	mu      sync.Mutex
	servers map[string]*PostgresServer
}

// Get is the pool's server of a major ("": as FindPostgres has it).
func (p *PostgresPool) Get(tb TB, major string) *PostgresServer {
	tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.servers[major]; s != nil {
		return s
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	o := p.Options
	o.Version = major
	s, err := StartPostgres(ctx, o)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	if p.servers == nil {
		p.servers = make(map[string]*PostgresServer)
	}
	p.servers[major] = s
	return s
}

// Stop ends the servers.
func (p *PostgresPool) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, s := range p.servers {
		errs = append(errs, s.Stop())
	}
	p.servers = nil
	return errors.Join(errs...)
}
