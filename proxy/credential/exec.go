package credential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ExecOptions of Exec.
type ExecOptions struct {
	// Dir the program runs in. Empty: the gateway's.
	Dir string
	// Timeout ends the program and all it has started. Default 10 s.
	Timeout time.Duration
	// TTL is how long an answer is used before the program is asked again. Default 1 min; negative: not at all.
	TTL time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Exec is a secret that a program prints: argv, run without a shell, with the gateway's environment and no input. Its
// output less one line end is the secret; its error output is dropped, since it may hold a secret as well. A failure
// is not remembered, and an old answer never stands for a new one that could not be had.
func Exec(argv []string, o ExecOptions) (Source, error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, errors.New("credential: exec: name a program")
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.TTL == 0 {
		o.TTL = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &program{argv: argv, options: o, turn: make(chan struct{}, 1)}, nil
}

type program struct {
	argv    []string
	options ExecOptions
	turn    chan struct{} // has one place: who is in runs the program, others wait for the answer

	// Of whoever has the turn.
	answer  Secret
	expires time.Time
}

func (p *program) Fetch(ctx context.Context) (Secret, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return Secret{}, fmt.Errorf("credential: %s: %w", p, ctx.Err())
	}
	if p.options.Now().Before(p.expires) {
		return p.answer, nil
	}
	p.answer = Secret{}
	b, err := p.run(ctx)
	if err != nil {
		return Secret{}, fmt.Errorf("credential: %s: %w", p, err)
	}
	s := NewSecret(string(b))
	if p.options.TTL > 0 {
		p.answer, p.expires = s, p.options.Now().Add(p.options.TTL)
	}
	return s, nil
}

func (p *program) run(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...) //nolint:gosec // the operator's own program
	cmd.Dir = p.options.Dir
	out := &bounded{cancel: cancel}
	cmd.Stdout = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for a grandchild that left the group and holds the pipe
	err := cmd.Run()
	switch {
	case out.full:
		return nil, fmt.Errorf("it printed more than %d bytes", maxSecret)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it had not ended after %s", p.options.Timeout)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err // "exit status 1": what it wrote is not in it
	}
	b := out.kept.Bytes()
	if line, ok := bytes.CutSuffix(b, []byte("\n")); ok {
		b = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(b) == 0 {
		return nil, errors.New("it printed nothing")
	}
	return b, nil
}

// String leaves the arguments out: one may be a secret.
func (p *program) String() string { return "exec " + filepath.Base(p.argv[0]) }

// bounded keeps what is written up to maxSecret, and ends the program beyond.
type bounded struct {
	kept   bytes.Buffer // not embedded: its ReadFrom would have no bound
	full   bool
	cancel context.CancelFunc
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > maxSecret {
		b.full = true
		b.cancel()
		return 0, errors.New("too much")
	}
	return b.kept.Write(p)
}
