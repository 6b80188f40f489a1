package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// PostgreSQL's signals (its documentation, 19.5): fast shutdown rolls back and disconnects, immediate shutdown just
// ends.
const (
	quitFast = syscall.SIGINT
	quitNow  = syscall.SIGQUIT
	freeze   = syscall.SIGSTOP
	thaw     = syscall.SIGCONT
)

// process is a server's main process. A goroutine of its own waits for it; stop waits for that goroutine.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process is gone
}

// startProcess runs a program whose output goes to the end of the log, and which dies with this process. who may be
// nil: as ourselves. env is added to cleanEnv.
func startProcess(log string, who *user, env []string, argv ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.CommandContext(context.Background(), argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = filepath.Dir(log)
	cmd.Env = append(cleanEnv(), env...)
	cmd.SysProcAttr = who.attr()
	cmd.SysProcAttr.Pdeathsig = quitNow
	// A group of its own: Ctrl-C at a terminal is for us, and we stop the server in our order.
	cmd.SysProcAttr.Setpgid = true
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal comes when the *thread* that forked ends, so this goroutine keeps its thread to
		// itself until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in the log
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop asks with the signal, insists after the patience with an immediate shutdown, then with a kill of the group.
func (p *process) stop(sig syscall.Signal, patience time.Duration) {
	pid := p.cmd.Process.Pid
	for _, s := range []syscall.Signal{sig, quitNow} {
		if p.exited() {
			return
		}
		_ = p.cmd.Process.Signal(s)
		_ = p.cmd.Process.Signal(thaw) // if it was frozen
		select {
		case <-p.done:
			return
		case <-time.After(patience):
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	<-p.done
}

// signalTree signals the process and its children, parents first.
func (p *process) signalTree(sig syscall.Signal) error {
	if p.exited() {
		return errors.New("testenv: the server is not running")
	}
	pids := []int{p.cmd.Process.Pid}
	for i := 0; i < len(pids); i++ {
		if err := syscall.Kill(pids[i], sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("testenv: signal %d: %w", pids[i], err)
		}
		pids = append(pids, children(pids[i])...)
	}
	return nil
}

func children(pid int) []int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var pids []int
	for _, f := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// cleanEnv is the environment without what would steer PostgreSQL's programs, and without our own secrets.
func cleanEnv() []string {
	env := []string{"LC_ALL=C.UTF-8", "TZ=UTC"}
	for _, k := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	return env
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("testenv: no free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
