package crashtest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice.dev/proxy/server/servertest"
)

// policy holds what is written to "guarded", for the approval that the client
// names.
const policy = `package base

allow if "crew" in input.principal.groups

hold contains {"approval": input.session.client.application, "reason": "it is guarded"} if "public.guarded" in input.command.writes
`

const approvals = `approval "patient" {
  approvers = ["dba"]
  wait      = "120s"
  tx_wait   = "120s"
}
approval "ticket" {
  approvers = ["dba"]
  mode      = "ticket"
}
`

const schema = `CREATE TABLE effects (id serial, what text);
CREATE TABLE guarded (id serial, what text);
GRANT ALL ON effects, guarded, effects_id_seq, guarded_id_seq TO crew_app;`

// buildDir has the gateway; TestMain removes it.
var buildDir string

// built builds the gateway, once a run.
var built = sync.OnceValues(func() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "sluice-crash-")
	if err != nil {
		return "", err
	}
	buildDir = dir
	out := filepath.Join(dir, "sluice")
	cmd := exec.Command("go", "build", "-o", out, "./proxy/cmd/sluice")
	cmd.Dir = filepath.Dir(strings.TrimSpace(string(mod)))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(text))
	}
	return out, nil
})

// world is what outlives the gateway: its folder, the database behind a relay,
// the provider of identities.
type world struct {
	*servertest.Gateway
	t     *testing.T
	relay *relay
	bin   string
	token string

	proc  *exec.Cmd
	ended chan error // has one value once proc is gone
	out   *os.File
}

// begin makes a world. The gateway of servertest is run once to lay out
// configuration and ports, and not again.
func begin(t *testing.T) *world {
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, bin: bin}
	w.Gateway = servertest.Start(t, servertest.Options{Rego: map[string]string{"base": policy}, More: approvals, Masks: "-", Init: []string{schema}})
	w.Stop()
	w.relay = listen(t, w.DB.Address())
	hcl, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	hcl = bytes.ReplaceAll(hcl, []byte(w.DB.Address()), []byte(w.relay.address()))
	if err := os.WriteFile(w.Config, hcl, 0o600); err != nil {
		t.Fatal(err)
	}
	w.token = w.Agent()
	if w.out, err = os.Create(filepath.Join(w.Dir, "gateway.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.out.Close() })
	return w
}

// start runs the gateway, and returns when it is ready.
func (w *world) start() {
	w.t.Helper()
	w.startAs(w.bin, nil)
}

// startAs runs a program as the gateway.
func (w *world) startAs(bin string, env []string) {
	w.t.Helper()
	w.proc = exec.Command(bin, "serve", "--config", w.Config)
	w.proc.Env = env
	w.proc.Stdout, w.proc.Stderr = w.out, w.out
	w.proc.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.proc.Start(); err != nil {
		w.t.Fatal(err)
	}
	proc, ended := w.proc, make(chan error, 1)
	w.ended = ended
	go func() { ended <- proc.Wait() }() // kill and stop wait for it
	for deadline := time.Now().Add(2 * time.Minute); !w.isReady(); time.Sleep(10 * time.Millisecond) {
		if len(ended) > 0 || time.Now().After(deadline) {
			w.kill()
			w.t.Fatalf("the gateway is not ready:\n%s", w.tail())
		}
	}
}

func (w *world) isReady() bool {
	resp, err := http.Get(w.URL + "/readyz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	conn, err := net.Dial("tcp", w.Address)
	if err != nil {
		return false
	}
	conn.Close()
	return resp.StatusCode == http.StatusOK
}

func (w *world) tail() string {
	b, _ := os.ReadFile(w.out.Name())
	return string(b[max(0, len(b)-4000):])
}

// kill ends the gateway as a power cut would end it, but for the page cache.
func (w *world) kill() {
	w.proc.Process.Kill() //nolint:errcheck // it may be gone
	<-w.ended
}

// stop ends the gateway as an operator would.
func (w *world) stop() {
	w.t.Helper()
	w.proc.Process.Signal(syscall.SIGTERM) //nolint:errcheck // Wait tells
	if err := <-w.ended; err != nil {
		w.t.Errorf("the gateway did not end well: %v\n%s", err, w.tail())
	}
}

// cli runs the command line on the gateway's configuration.
func (w *world) cli(args ...string) (string, error) {
	out, err := exec.Command(w.bin, append(args, "--config", w.Config)...).CombinedOutput()
	return string(out), err
}
