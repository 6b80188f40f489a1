package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"sluice.dev/proxy/testenv"
)

//go:embed schema.sql
var schema string

// stage is everything that the tour plays on: a scratch folder, a real
// PostgreSQL, a real OpenID provider, and the gateway as its own process.
type stage struct {
	dir      string // the scratch folder
	own      bool   // made by us: removed at the end
	pg       *testenv.PostgresServer
	op       *testenv.OIDCServer
	password string // the database's; only the gateway's environment has it

	config  string // the live configuration
	pgAddr  string // of the gateway
	webURL  string
	gateway *exec.Cmd
	exited  chan error
	log     *os.File

	agent, approver, auditor string // tokens
}

// tokenLife is longer than any demo.
const tokenLife = 7 * 24 * time.Hour

// setUp starts everything; take down what it returns even on an error.
func setUp(ctx context.Context, n *narrator) (s *stage, err error) {
	s = &stage{dir: os.Getenv("DEMO_DIR")}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "sluice-demo-"); err != nil {
			return s, err
		}
		s.own = true
	} else if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return s, err
	}
	n.say("Scratch folder: %s", s.dir)
	var raw [12]byte
	rand.Read(raw[:]) //nolint:errcheck // never fails (Go 1.24)
	s.password = "pg-" + hex.EncodeToString(raw[:])
	n.say("Starting PostgreSQL …")
	if s.pg, err = testenv.StartPostgres(ctx, testenv.PostgresOptions{Init: []string{
		"CREATE ROLE crew_app LOGIN PASSWORD '" + s.password + "'", "ALTER ROLE crew_app SET log_min_messages = fatal", "CREATE DATABASE orders"}}); err != nil {
		return s, err
	}
	if err := s.sql(ctx, schema); err != nil {
		return s, err
	}
	n.say("Starting an OpenID provider …")
	if s.op, err = testenv.StartOIDC(testenv.OIDCOptions{TokenLifetime: tokenLife}); err != nil {
		return s, err
	}
	exp := time.Now().Add(tokenLife).Unix()
	s.agent = s.op.Issue(testenv.Claims{"sub": "analyst-3", "groups": []string{"crew-support"}, "kind": "human", "exp": exp,
		"act": map[string]any{"sub": "agent-7", "kind": "agent"}})
	s.approver = s.op.Issue(testenv.Claims{"sub": "dba-2", "groups": []string{"dba"}, "kind": "human", "exp": exp})
	s.auditor = s.op.Issue(testenv.Claims{"sub": "audit-1", "groups": []string{"audit"}, "kind": "human", "exp": exp})
	if err := s.configure(); err != nil {
		return s, err
	}
	n.say("Starting the gateway …")
	if err := s.start(ctx); err != nil {
		return s, err
	}
	return s, s.writeEnv()
}

// sql runs statements as the superuser in the demo's database.
func (s *stage) sql(ctx context.Context, text string) error {
	_, err := s.direct(ctx, text)
	return err
}

// configure copies configs/demo.hcl, its policies and the plugins into the
// scratch folder, with this run's addresses and digests.
func (s *stage) configure() error {
	src, err := os.ReadFile("configs/demo.hcl")
	if err != nil {
		return fmt.Errorf("demo: run it from the checkout's top: %w", err)
	}
	f, diags := hclwrite.ParseConfig(src, "configs/demo.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	if err := copyTree("policies", filepath.Join(s.dir, "policies")); err != nil {
		return err
	}
	pgPort, webPort, err := freePorts()
	if err != nil {
		return err
	}
	s.pgAddr, s.webURL = "127.0.0.1:"+pgPort, "http://127.0.0.1:"+webPort
	if err := certificate(s.dir); err != nil {
		return err
	}
	set := func(b *hclwrite.Block, name, value string) { b.Body().SetAttributeValue(name, cty.StringVal(value)) }
	for _, b := range f.Body().Blocks() {
		labels := b.Labels()
		switch b.Type() {
		case "listener":
			if labels[0] == "postgres" {
				set(b, "address", s.pgAddr)
			} else {
				set(b, "address", "127.0.0.1:"+webPort)
			}
		case "identity":
			set(b, "issuer", s.op.Issuer)
		case "connection":
			set(b, "address", s.pg.Address())
		case "console":
			set(b, "url", s.webURL)
		case "policy":
			set(b, "path", "policies/"+labels[0])
		case "plugin":
			digest, err := s.plugin(labels[0], filepath.Join("bin/plugins", labels[0]+".wasm"))
			if err != nil {
				return err
			}
			set(b, "module", "plugins/"+labels[0]+".wasm")
			set(b, "sha256", digest)
		}
	}
	s.config = filepath.Join(s.dir, "sluice.hcl")
	return os.WriteFile(s.config, f.Bytes(), 0o600)
}

// plugin copies a module into the scratch folder and returns its digest.
func (s *stage) plugin(name, from string) (string, error) {
	b, err := os.ReadFile(from)
	if err != nil {
		return "", fmt.Errorf("demo: make build first: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "plugins"), 0o700); err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), os.WriteFile(filepath.Join(s.dir, "plugins", name+".wasm"), b, 0o600)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if !d.Type().IsRegular() {
			return nil // the admin socket
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
}

// freePorts finds the usual ports, or others when they are taken.
func freePorts() (pg, web string, err error) {
	pick := func(usual string) (string, error) {
		for _, p := range []string{usual, "0"} {
			ln, err := net.Listen("tcp", "127.0.0.1:"+p) //nolint:noctx // closed at once
			if err != nil {
				continue
			}
			defer ln.Close()
			_, port, err := net.SplitHostPort(ln.Addr().String())
			return port, err
		}
		return "", errors.New("demo: no free port on loopback")
	}
	if pg, err = pick("6432"); err != nil {
		return "", "", err
	}
	web, err = pick("8443")
	return pg, web, err
}

// certificate makes a certificate for the gateway, signed by itself.
func certificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "sluice demo"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(tokenLife), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "gateway.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "gateway.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600)
}

// start runs the gateway and waits until it is ready. The database's password
// is in its environment alone.
func (s *stage) start(ctx context.Context) error {
	var err error
	if s.log, err = os.OpenFile(filepath.Join(s.dir, "gateway.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	s.gateway = exec.Command("bin/sluice", "serve", "--config", s.config) //nolint:noctx // ended by takeDown, gently
	s.gateway.Env = append(os.Environ(), "ORDERS_PASSWORD="+s.password)
	s.gateway.Stdout, s.gateway.Stderr = s.log, s.log
	s.gateway.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := s.gateway.Start(); err != nil {
		return err
	}
	s.exited = make(chan error, 1)
	go func() { s.exited <- s.gateway.Wait() }() // ends with the process; takeDown waits for it
	for range 600 {
		select {
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("demo: the gateway ended: %w\n%s", err, s.tail(20))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.webURL+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("demo: the gateway is not ready after a minute\n%s", s.tail(20))
}

// tail is the end of the gateway's log.
func (s *stage) tail(lines int) string {
	f, err := os.Open(filepath.Join(s.dir, "gateway.log"))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	var last []string
	sc := bufio.NewScanner(io.LimitReader(f, 8<<20))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if last = append(last, sc.Text()); len(last) > lines {
			last = last[1:]
		}
	}
	return strings.Join(last, "\n")
}

// connString is how the agent reaches the gateway: only endpoint and password
// differ from a direct connection.
func (s *stage) connString(user, token string) string {
	host, port, _ := net.SplitHostPort(s.pgAddr)
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(user, token), Host: net.JoinHostPort(host, port), Path: "/orders",
		RawQuery: url.Values{"sslmode": {"verify-full"}, "sslrootcert": {filepath.Join(s.dir, "gateway.crt")}}.Encode()}
	return u.String()
}

// writeEnv writes demo.env, to be sourced by a shell.
func (s *stage) writeEnv() error {
	var b strings.Builder
	for _, kv := range [][2]string{
		{"SLUICE_PG", s.connString("agent-7", s.agent)}, {"DIRECT_PG", s.pg.SuperDSN("orders")},
		{"ISSUER_URL", s.op.Issuer}, {"AUDIENCE", s.op.Audience}, {"TOKEN_AGENT", s.agent}, {"TOKEN_APPROVER", s.approver},
		{"TOKEN_AUDITOR", s.auditor}, {"CONSOLE_URL", s.webURL}, {"SLUICE_CONFIG", s.config}, {"DATA_DIR", filepath.Join(s.dir, "data")},
		{"SLUICE_GATEWAY", s.webURL}, {"PGSSLROOTCERT", filepath.Join(s.dir, "gateway.crt")},
	} {
		fmt.Fprintf(&b, "export %s='%s'\n", kv[0], strings.ReplaceAll(kv[1], "'", `'\''`))
	}
	return os.WriteFile(filepath.Join(s.dir, "demo.env"), []byte(b.String()), 0o600)
}

// takeDown ends everything that setUp started and leaves nothing behind.
func (s *stage) takeDown() {
	if s.gateway != nil && s.gateway.Process != nil {
		_ = s.gateway.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.exited: //nolint:errcheck // how it ended is in its log
		case <-time.After(20 * time.Second):
			_ = s.gateway.Process.Kill()
			<-s.exited //nolint:errcheck // likewise
		}
	}
	if s.log != nil {
		s.log.Close()
	}
	if s.op != nil {
		s.op.Stop()
	}
	if s.pg != nil {
		_ = s.pg.Stop()
	}
	if s.own {
		_ = os.RemoveAll(s.dir)
	} else {
		_ = os.Remove(filepath.Join(s.dir, "demo.env"))
	}
}

// sluice runs the command line with somebody's token; it returns what it
// printed and its exit code.
func (s *stage) sluice(ctx context.Context, token string, args ...string) (string, int) {
	cmd := exec.CommandContext(ctx, "bin/sluice", args...)
	cmd.Env = append(os.Environ(), "SLUICE_CONFIG="+s.config)
	if token != "" {
		cmd.Env = append(cmd.Env, "SLUICE_GATEWAY="+s.webURL, "SLUICE_TOKEN="+token)
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out), exit.ExitCode()
	case err != nil:
		return err.Error(), -1
	}
	return string(out), 0
}
