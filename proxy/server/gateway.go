package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sluice.dev/proxy/approval"
	"sluice.dev/proxy/audit"
	"sluice.dev/proxy/console"
	"sluice.dev/proxy/credential"
	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/generation"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/identity/password"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/plugin"
	"sluice.dev/proxy/recording"
	"sluice.dev/proxy/server/api"
	"sluice.dev/proxy/state"
)

// Options of a gateway process.
type Options struct {
	// Config are the files and folders of the configuration.
	Config []string
	// Version is what `sluice version` prints.
	Version string
	// Progress gets a line for each step of the start; nil: none.
	Progress io.Writer
	Logger   *slog.Logger
	// Ready is called once, when everything listens, with the addresses by
	// listener name.
	Ready func(addresses map[string]net.Addr)
	// Files is for tests of a failing disk under the audit log.
	Files audit.Files
	// Drain bounds the end: how long open sessions may go on; 10 s.
	Drain time.Duration
}

// Gateway is one running process: everything that outlives a generation.
type Gateway struct {
	o       Options
	started time.Time
	name    string
	dataDir string
	log     *audit.Log
	store   state.Store
	ledger  *approval.Ledger
	records *recording.Store
	plugins *plugin.Runtime
	shared  *generation.Shared
	gate    *gate.Gateway
	manager *generation.Manager
	changes *changes
	console *Swap
	pages   *console.Console // behind console; nil: none is configured
	ctx     context.Context  // ends when serving does; for what lives as long as the process
	admin   *Admin
	metrics *prometheus.Registry
	book    *password.Book
	reader  chan struct{} // held by who reads the log to answer a question

	closers []func()
}

// Run starts a gateway and serves until ctx ends; then it drains and closes.
// reload asks for a new generation (SIGHUP).
func Run(ctx context.Context, o Options, reload <-chan os.Signal) (err error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Drain <= 0 {
		o.Drain = 10 * time.Second
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g := &Gateway{o: o, ctx: ctx, started: time.Now(), changes: newChanges(), book: password.New(password.Options{}), console: &Swap{}, reader: make(chan struct{}, 1)}
	defer func() {
		for i := len(g.closers) - 1; i >= 0; i-- {
			g.closers[i]()
		}
	}()
	if err := g.open(ctx); err != nil {
		return err
	}
	return g.serve(ctx, reload)
}

func (g *Gateway) say(format string, args ...any) {
	if g.o.Progress != nil {
		fmt.Fprintf(g.o.Progress, "sluice: "+format+"\n", args...)
	}
}

func (g *Gateway) atEnd(f func()) { g.closers = append(g.closers, f) }

// open makes everything that serving needs, in the order in which one part
// rests on the other.
func (g *Gateway) open(ctx context.Context) error {
	p, err := generation.ReadProcess(g.o.Config...)
	if err != nil {
		return err
	}
	g.name, g.dataDir = p.Name, p.DataDir
	if err := os.MkdirAll(g.dataDir, 0o700); err != nil {
		return fmt.Errorf("server: data_dir: %w", err)
	}
	key, err := secretOrMade(ctx, p.MaskKey, filepath.Join(g.dataDir, "mask.key"))
	if err != nil {
		return err
	}
	maskKey := mask.NewKey(key)
	g.say("opening the audit log in %s", g.dataDir)
	if err := g.openLog(ctx, p); err != nil {
		return err
	}
	if g.store, err = state.OpenFile(p.StatePath); err != nil {
		return err
	}
	g.atEnd(func() { g.store.Close() })
	if g.plugins, err = plugin.NewRuntime(ctx, plugin.Options{CacheDir: filepath.Join(g.dataDir, "compiled"), Logger: g.o.Logger,
		Pseudonym: maskKey.PluginPseudonym}); err != nil {
		return err
	}
	g.atEnd(func() {
		if err := g.plugins.Close(context.WithoutCancel(ctx)); err != nil {
			g.o.Logger.Warn("server: plugins did not close", "error", err)
		}
	})
	g.shared = generation.Share(g.plugins, g.o.Logger)
	g.atEnd(g.shared.Close)
	g.manager = &generation.Manager{Shared: g.shared,
		Load: generation.Loader(g.o.Config...), Changed: g.changed}
	g.gate = gate.New(gate.Options{Name: g.name, Log: g.log, Recordings: g.records, Key: maskKey, Current: g.manager.Current,
		TicketURL: g.ticketURL, RedactAll: g.redactAll, OnChange: func(ticket string) { g.changes.tell(console.Change{Kind: console.ChangeHold, ID: ticket}) },
		OnSession: func(id string) { g.changes.tell(console.Change{Kind: console.ChangeSession, ID: id}) },
		Logger:    g.o.Logger})
	if g.ledger, err = approval.Open(g.store, approval.Options{Events: g.gate.LedgerEvent, Name: g.personName}); err != nil {
		return err
	}
	g.gate.Ledger = g.ledger
	g.atEnd(func() { g.ledger.Close() })
	g.say("compiling the SQL parser")
	if err := generation.Warm(ctx); err != nil {
		return err
	}
	g.say("compiling plugins and policies")
	if err := g.manager.Reload(ctx, "start"); err != nil {
		return err
	}
	g.atEnd(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := g.manager.Close(ctx); err != nil {
			g.o.Logger.Warn("server: closing", "error", err)
		}
	})
	g.metrics = prometheus.NewRegistry()
	g.metrics.MustRegister(g.gate.Metrics, pluginMetrics{g.manager.Generation}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return nil
}

func (g *Gateway) openLog(ctx context.Context, p *generation.Process) error {
	o := audit.Options{Origin: g.name + "/log/n1", CheckpointEvery: p.Checkpoint, Logger: g.o.Logger, Files: g.o.Files}
	if p.SigningKey != nil {
		s, err := p.SigningKey.Fetch(ctx)
		if err != nil {
			return err
		}
		if o.Key, err = audit.ParseKey([]byte(s.Reveal())); err != nil {
			return err
		}
	}
	var err error
	if g.log, err = audit.Open(filepath.Join(g.dataDir, "audit"), o); err != nil {
		return err
	}
	g.atEnd(func() {
		if err := g.log.Close(); err != nil {
			g.o.Logger.Error("server: the audit log did not close well", "error", err)
		}
	})
	if g.records, err = recording.Open(g.dataDir, g.log, recording.Options{Logger: g.o.Logger, Files: g.o.Files}); err != nil {
		return err
	}
	g.atEnd(func() { g.records.Close() })
	return nil
}

// secretOrMade reads a key, or makes one of 32 random bytes in a file that is
// there from then on.
func secretOrMade(ctx context.Context, src credential.Source, path string) ([]byte, error) {
	if src != nil {
		s, err := src.Fetch(ctx)
		if err != nil {
			return nil, err
		}
		if len(s.Reveal()) < 16 {
			return nil, errors.New("server: gateway.mask_key has fewer than 16 bytes: make a longer one")
		}
		return []byte(s.Reveal()), nil
	}
	b, err := os.ReadFile(path)
	if err == nil {
		return b, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("server: mask key: %w", err)
	}
	var raw [32]byte
	rand.Read(raw[:]) //nolint:errcheck // never fails (Go 1.24)
	b = []byte(hex.EncodeToString(raw[:]))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, fmt.Errorf("server: mask key: %w", err)
	}
	return b, nil
}

// changed records each try to change what decides: it is on disk before the
// new generation is used.
func (g *Gateway) changed(by string, gen *generation.Generation, failed error) error {
	r := &audit.Record{Event: audit.ConfigLoad, Detail: map[string]string{"by": by}}
	if gen != nil {
		r.Config.Generation = gen.ID()
	}
	if failed != nil {
		r.Event = audit.ConfigReject
		r.Detail["error"] = failed.Error()
		g.o.Logger.Error("the configuration was not taken: the old one stays", "error", failed)
	} else {
		digest, err := g.log.Object("config", []byte(gen.Text()))
		if err != nil {
			return err
		}
		if r.Config.Objects, err = gen.Evidence(g.log.Object); err != nil {
			return err
		}
		r.Config.Objects["config"] = digest
		for _, m := range gen.Modules() {
			r.Detail["plugin "+m.Name()] = "sha256:" + m.Digest()
		}
		if gen.Development() {
			r.Detail["development"] = "true"
		}
		g.o.Logger.Info("generation in force", "id", gen.ID(), "by", by)
	}
	seq, err := g.log.Append(r)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = g.log.Wait(ctx, seq)
	}
	g.changes.tell(console.Change{Kind: console.ChangeGeneration})
	if err == nil && failed == nil {
		g.renewConsole(gen)
	}
	return err
}

func (g *Gateway) ticketURL(ticket string) string {
	gen := g.manager.Generation()
	if gen == nil || gen.Console() == nil || gen.Console().URL == "" {
		return ""
	}
	return gen.Console().URL + "/t/" + ticket
}

func (g *Gateway) redactAll() bool {
	gen := g.manager.Generation()
	return gen != nil && gen.RedactAll()
}

// personName is how others read a person: dba-2@corp, by the identity block
// that proved it.
func (g *Gateway) personName(p *identity.Principal) string {
	if gen := g.manager.Generation(); gen != nil {
		if name := gen.IdentityName(p.Issuer); name != "" {
			return p.Subject + "@" + name
		}
	}
	return p.Subject + "@" + p.Issuer
}

// ready says why the gateway cannot work, or nil.
func (g *Gateway) ready() error {
	if err := g.log.Err(); err != nil {
		return fmt.Errorf("the audit log has stopped: %w", err)
	}
	if g.manager.Generation() == nil {
		return errors.New("no configuration is loaded yet")
	}
	return generation.Healthy()
}

// serve listens on every address until ctx ends.
func (g *Gateway) serve(ctx context.Context, reload <-chan os.Signal) error {
	gen := g.manager.Generation()
	handlers := generation.Handlers(g.gate, g.verify)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	addresses := make(map[string]net.Addr)
	for _, l := range gen.Addresses() {
		if err := g.listen(ctx, &wg, cancel, l, handlers, addresses); err != nil {
			cancel(err)
			return err
		}
	}
	admin, err := ListenAdmin(g.dataDir, g.backend(), g.o.Logger)
	if err != nil {
		return err
	}
	g.admin = admin
	wg.Go(func() {
		if err := admin.Serve(ctx); err != nil && ctx.Err() == nil {
			cancel(err)
		}
	})
	w := &watcher{reload: func(by string) { _ = g.manager.Reload(ctx, by) }, logger: g.o.Logger,
		files: func() []string { return g.manager.Generation().Watched() }}
	wg.Go(func() { w.run(ctx, reload) })
	wg.Go(func() {
		select {
		case <-g.log.Failed():
			g.o.Logger.Error("the audit log has stopped: the gateway stays up and takes no commands", "error", g.log.Err())
			g.gate.KillAll(gate.EndStopped, "the audit log has stopped", nil)
			g.changes.tell(console.Change{Kind: console.ChangeHealth})
		case <-ctx.Done():
		}
	})
	g.say("ready: %s", describe(addresses))
	if g.o.Ready != nil {
		g.o.Ready(addresses)
	}
	<-ctx.Done()
	g.say("draining")
	g.gate.KillAll(gate.EndDrain, "the gateway is shutting down", nil)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// listen opens one listener and serves it.
func (g *Gateway) listen(ctx context.Context, wg *sync.WaitGroup, fail context.CancelCauseFunc, l generation.Address, handlers map[string]generation.Handler, addresses map[string]net.Addr) error {
	var certificate *Certificate
	if l.CertFile != "" {
		var err error
		if certificate, err = LoadCertificate(l.CertFile, l.KeyFile); err != nil {
			return fmt.Errorf("server: %s: listener %q: %w", l.At, l.Name, err)
		}
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Address)
	if err != nil {
		return fmt.Errorf("server: %s: listener %q: %w", l.At, l.Name, err)
	}
	if certificate == nil && !Loopback(ln.Addr()) {
		ln.Close()
		return fmt.Errorf("server: %s: listener %q: plain text is for loopback only: give cert_file and key_file", l.At, l.Name)
	}
	addresses[l.Name] = ln.Addr()
	if l.Protocol == "https" {
		h := &HTTP{Ready: g.ready, Metrics: promhttp.HandlerFor(g.metrics, promhttp.HandlerOpts{}), Logger: g.o.Logger, Console: g.console,
			API: api.New(api.Options{Backend: g.backend(), Access: g.access, Caller: api.Bearer(g.manager.Verify), Passwords: g.passwords(), Logger: g.o.Logger})}
		if certificate != nil {
			h.TLS = certificate.TLS("h2", "http/1.1")
		}
		wg.Go(func() {
			if err := h.Serve(ctx, ln); err != nil && ctx.Err() == nil {
				fail(err)
			}
		})
		return nil
	}
	handle, ok := handlers[l.Protocol]
	if !ok {
		ln.Close()
		return fmt.Errorf("server: %s: listener %q: protocol %q is not available", l.At, l.Name, l.Protocol)
	}
	gl := &generation.Listener{Connection: l.Connection}
	if certificate != nil {
		gl.TLS = certificate.TLS()
	}
	wg.Go(func() {
		err := Serve(ctx, ln, AcceptOptions{Logger: g.o.Logger, Drain: g.o.Drain}, func(_ context.Context, c net.Conn) {
			// The session ends by the gate's word at a drain, not with the
			// listener's context: it may end its command first.
			handle(context.WithoutCancel(ctx), c, gl)
		})
		if err != nil && ctx.Err() == nil {
			fail(err)
		}
	})
	return nil
}

func describe(addresses map[string]net.Addr) string {
	s := ""
	for name, a := range addresses {
		if s != "" {
			s += ", "
		}
		s += name + " on " + a.String()
	}
	return s
}
