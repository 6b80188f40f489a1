package generation

import (
	"path/filepath"
	"time"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/credential"
)

// Process is what a configuration says of the process itself: what a reload
// does not change.
type Process struct {
	Name       string
	DataDir    string
	StatePath  string
	Checkpoint time.Duration
	// MaskKey and SigningKey are nil where the process makes its own.
	MaskKey, SigningKey credential.Source
}

// ReadProcess reads a configuration for the start of a process.
func ReadProcess(paths ...string) (*Process, error) {
	cfg, err := config.Load(paths...)
	if err != nil {
		return nil, err
	}
	p := &Process{Name: cfg.Gateway.Name, DataDir: cfg.Gateway.DataDir.Abs, Checkpoint: cfg.Audit.Checkpoint, StatePath: cfg.State.Path.Abs}
	if p.StatePath == "" {
		p.StatePath = filepath.Join(p.DataDir, "state.db")
	}
	for _, s := range []struct {
		ref *config.SecretRef
		src *credential.Source
	}{{cfg.Gateway.MaskKey, &p.MaskKey}, {cfg.Audit.SigningKey, &p.SigningKey}} {
		if s.ref == nil {
			continue
		}
		if *s.src, err = secret(s.ref); err != nil {
			return nil, cfg.Fail(s.ref.Pos, err, "secret", err.Error())
		}
	}
	return p, nil
}

// Loader reads the configuration in these files and folders anew each time.
func Loader(paths ...string) func() (*config.Config, error) {
	return func() (*config.Config, error) { return config.Load(paths...) }
}

// Address is one listener as it was configured.
type Address struct {
	Protocol, Name    string
	Address           string
	Connection        string // of clients that name none
	CertFile, KeyFile string // empty for plain text
	At                string // file:line, for errors
}

// Addresses are the listeners of the generation.
func (g *Generation) Addresses() []Address {
	var out []Address
	for _, l := range g.cfg.Listeners {
		a := Address{Protocol: l.Protocol, Name: l.Name, Address: l.Address, Connection: l.Connection, At: l.Pos.String()}
		if !l.TLS.Insecure {
			a.CertFile, a.KeyFile = l.TLS.CertFile.Abs, l.TLS.KeyFile.Abs
		}
		out = append(out, a)
	}
	return out
}

// ConsoleBlock is the console as it was configured.
type ConsoleBlock struct {
	URL, ClientID       string
	ClientSecret        credential.Source // nil: PKCE alone
	Auditors, Operators []string
}

// Console is nil when none is configured.
func (g *Generation) Console() *ConsoleBlock { return g.console }

// Text is the configuration as plan shows it, secrets hidden.
func (g *Generation) Text() string { return g.cfg.Redacted() }

// Development says that some checks are off.
func (g *Generation) Development() bool { return g.cfg.Gateway.Development }

// RedactAll says that every literal is kept out of what is kept.
func (g *Generation) RedactAll() bool { return g.cfg.Audit.RedactLiterals == "all" }

// Watched are the files that the configuration names; none when they are not
// to be watched.
func (g *Generation) Watched() []string {
	if !g.cfg.Reload.Watch {
		return nil
	}
	return g.cfg.Files()
}

// IdentityName is the name of the identity block of an issuer, or "".
func (g *Generation) IdentityName(issuer string) string {
	for _, b := range g.cfg.Identities {
		if b.Issuer == issuer {
			return b.Name
		}
	}
	return ""
}
