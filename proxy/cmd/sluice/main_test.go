package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/console/consoletest"
	"sluice.dev/proxy/identity/oidc"
	"sluice.dev/proxy/server"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/testenv"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sluice": main})
}

// TestScripts types the commands at a gateway with its admin socket, its API and a real OpenID provider; holds and
// sessions are in memory. Each script in testdata/script has a gateway of its own.
func TestScripts(t *testing.T) {
	idp := testenv.OIDC(t, testenv.OIDCOptions{})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			g := consoletest.New()
			consoletest.Scene(g, idp.Issuer)
			data := filepath.Join(env.WorkDir, "data")
			if err := os.Mkdir(data, 0o700); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(context.Background())
			admin, err := server.ListenAdmin(data, g, nil)
			if err != nil {
				cancel()
				return err
			}
			provider, err := oidc.New(ctx, oidc.Options{Issuer: idp.Issuer, Audiences: []string{"sluice"}})
			if err != nil {
				cancel()
				return err
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				cancel()
				return err
			}
			handler := api.New(api.Options{Backend: g, Caller: api.Bearer(provider.Verify), Access: func() console.Access {
				return console.Access{Auditors: []string{"audit"}, Operators: []string{"platform"}}
			}})
			done := make(chan error, 2)
			go func() { done <- admin.Serve(ctx) }()
			go func() { done <- (&server.HTTP{API: handler}).Serve(ctx, ln) }()
			env.Defer(func() {
				cancel()
				<-done
				<-done
				provider.Close()
			})
			env.Setenv("GATEWAY", "http://"+ln.Addr().String())
			for name, groups := range map[string][]string{"DBA": {"dba"}, "AUDIT": {"audit"}, "OPS": {"platform"}} {
				env.Setenv("TOKEN_"+name, idp.Issue(testenv.Claims{"sub": name, "groups": groups}))
			}
			return nil
		},
	})
}

// exits CODE PROGRAM ARGUMENTS…: as exec, and the exit code is this one.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = strconv.Itoa(exit.ExitCode())
	} else {
		ts.Check(err)
	}
	if code != args[0] {
		ts.Fatalf("%v: exit %s, want %s", args[1:], code, args[0])
	}
}
