package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"sluice.dev/proxy/testenv/model"
)

// crewDriver is one of the two PostgreSQL drivers that a crew may have, in the
// virtual environment that deps.sh made for it.
type crewDriver struct{ title, venv, name string }

var crewDrivers = []crewDriver{
	{"SQLAlchemy 2.0 with psycopg2", "crewai-psycopg2", "psycopg2"},
	{"SQLAlchemy 2.1 with psycopg 3", "crewai-psycopg3", "psycopg"},
}

// crewPatience bounds one crew's run when nobody is there to click.
const crewPatience = 5 * time.Minute

// playCrew runs the crew of examples/crewai with both drivers. Its model is
// scripted, everything else is real.
func playCrew(ctx context.Context, n *narrator, s *stage) error {
	for i, d := range crewDrivers {
		n.scene(i+1, "A crew at work: "+d.title)
		if err := s.restock(ctx); err != nil {
			return err
		}
		if err := playDriver(ctx, n, s, d); err != nil {
			return fmt.Errorf("%s: %w", d.title, err)
		}
	}
	n.scene(len(crewDrivers)+1, "What is left of it")
	n.typed("audit-1", "sluice audit verify")
	out, code := s.sluice(ctx, "", "audit", "verify", "--dir", filepath.Join(s.dir, "data", "audit"))
	n.answer(out)
	n.see(code == 0, "the log has it all, and every record, approval and signature holds")
	return nil
}

// restock puts the demo's rows back.
func (s *stage) restock(ctx context.Context) error {
	sql := "TRUNCATE public.customers, public.orders;\n"
	for _, statement := range strings.SplitAfter(schema, ";") {
		if strings.HasPrefix(strings.TrimSpace(statement), "INSERT ") {
			sql += statement
		}
	}
	if err := s.sql(ctx, sql+"\nSELECT pg_stat_force_next_flush();"); err != nil {
		return err
	}
	// From here on the database itself counts what reaches it.
	return s.sql(ctx, "SELECT pg_stat_reset()")
}

func playDriver(ctx context.Context, n *narrator, s *stage, d crewDriver) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	python := filepath.Join(cache, "sluice", d.venv, "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return fmt.Errorf("no CrewAI: run proxy/testenv/deps.sh crewai first: %w", err)
	}
	dir, err := os.MkdirTemp(s.dir, "crew-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := model.Start(crewScript)
	if err != nil {
		return err
	}
	defer m.Stop()
	out, err := openTrap()
	if err != nil {
		return err
	}
	defer out.close()

	w := &crewWatch{n: n, s: s, model: m, unattended: n.pause == 0}
	if w.customers, err = s.direct(ctx, "SELECT email, phone, card, note FROM customers"); err != nil {
		return err
	}
	if w.unattended {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, crewPatience)
		defer cancel()
	}
	p := &crewProcess{python: python, dir: dir, env: crewEnv(dir, out.address(), s.connString("agent-7", s.agent), m)}
	if err := w.driver(ctx, p, d); err != nil {
		return err
	}
	n.typed("crew", "DATABASE_URL=postgresql://agent-7:$TOKEN@"+s.pgAddr+"/orders OPENAI_BASE_URL=… OPENAI_API_KEY=… python examples/crewai/crew.py")
	if err := p.start(ctx, "examples/crewai/crew.py"); err != nil {
		return err
	}
	if err := w.follow(ctx, p); err != nil {
		return err
	}
	w.sum(ctx, p, out.tries())
	return nil
}

// crewEnv is all of the crew's environment. What its code reads are the last
// three; the others keep CrewAI from calling home and out of the user's files.
func crewEnv(dir, proxy, database string, m *model.Server) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8",
		"HOME=" + dir, "TMPDIR=" + dir, "CREWAI_STORAGE_DIR=" + filepath.Join(dir, "storage"),
		"CREWAI_DISABLE_TELEMETRY=true", "CREWAI_TRACING_ENABLED=false", "CREWAI_TESTING=true", "CREWAI_DISABLE_VERSION_CHECK=true",
		// The gateway decides, so the tool's own guard can go.
		"CREWAI_NL2SQL_ALLOW_DML=true",
		// Whatever still wants out is counted.
		"HTTP_PROXY=" + proxy, "HTTPS_PROXY=" + proxy, "ALL_PROXY=" + proxy, "NO_PROXY=127.0.0.1",
		"DATABASE_URL=" + database, "OPENAI_BASE_URL=" + m.URL, "OPENAI_API_KEY=" + m.Key,
	}
}

// crewProcess is a Python process of the crew's.
type crewProcess struct {
	python, dir string
	env         []string
	cmd         *exec.Cmd
	ended       chan error // gets how the process ended, once
}

func (p *crewProcess) start(ctx context.Context, script string) error {
	path, err := filepath.Abs(script)
	if err != nil {
		return err
	}
	stdout, err := os.Create(filepath.Join(p.dir, "stdout"))
	if err != nil {
		return err
	}
	defer stdout.Close()
	stderr, err := os.Create(filepath.Join(p.dir, "stderr"))
	if err != nil {
		return err
	}
	defer stderr.Close()
	p.cmd = exec.CommandContext(ctx, p.python, path)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.env, stdout, stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.cmd.Wait() }() // ends with the process; follow waits for it
	return nil
}

// stop ends the process and waits for that. It returns the reason, and how the
// process ended.
func (p *crewProcess) stop(reason error) error {
	_ = p.cmd.Process.Kill() // it may have ended
	return errors.Join(reason, <-p.ended)
}

// wrote is the end of what the process wrote to stdout or stderr.
func (p *crewProcess) wrote(name string) string {
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-64<<10):])
}

// ask runs a line of Python in the crew's environment.
func (p *crewProcess) ask(ctx context.Context, code string) (string, error) {
	cmd := exec.CommandContext(ctx, p.python, "-c", code)
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// trap is an HTTP proxy that goes nowhere: it counts who wants out.
type trap struct {
	l     net.Listener
	count atomic.Int32
	done  chan struct{}
}

func openTrap() (*trap, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &trap{l: l, done: make(chan struct{})}
	go func() { // ends with close, which waits for it
		defer close(t.done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.count.Add(1)
			c.Close()
		}
	}()
	return t, nil
}

func (t *trap) address() string { return "http://" + t.l.Addr().String() }

func (t *trap) tries() int { return int(t.count.Load()) }

func (t *trap) close() {
	t.l.Close()
	<-t.done
}
