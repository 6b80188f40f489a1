// Package testenv starts the real servers that tests, the demo and the benchmarks talk to: a PostgreSQL of its own
// and an OpenID provider. It is never part of the gateway.
//
// A server belongs to whoever starts it and ends with it: Stop, the end of the test, or the death of the process.
package testenv

import (
	"context"
	"os"
	"time"
)

// TB is what a server needs of a *testing.T or *testing.B, so that the demo, which has neither, need not link the
// testing package.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
	Logf(format string, args ...any)
	Failed() bool
}

// startTime bounds the start of a server. Generous: the machine may be busy with other tests.
const startTime = 2 * time.Minute

// Postgres starts a server that stops when the test ends. A failed test logs the end of the server's log.
func Postgres(tb TB, o PostgresOptions) *PostgresServer {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	s, err := StartPostgres(ctx, o)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the end of PostgreSQL's log:\n%s", tail(s.Log(), 4096))
		}
		if err := s.Stop(); err != nil {
			tb.Logf("testenv: %v", err)
		}
	})
	return s
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// cacheDir is where things that are slow to make are kept between runs, outside any checkout: $XDG_CACHE_HOME/sluice
// or ~/.cache/sluice; deps.sh uses the same.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return base + "/sluice", nil
}
