package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func fetch(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestHTTP(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	write(t, certFile, keyFile, "gw")
	cert, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	var notReady atomic.Pointer[error]
	var console Swap
	s := &HTTP{
		TLS: cert.TLS(), Console: &console,
		Ready: func() error {
			if p := notReady.Load(); p != nil {
				return *p
			}
			return nil
		},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "sluice_up 1") }),
		Mounts:  map[string]http.Handler{"/llm/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "llm") })},
	}
	ctx, cancel := context.WithCancel(t.Context())
	ln := listen(t)
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	client := &http.Client{Transport: tr}
	base := "https://" + ln.Addr().String()
	for path, want := range map[string]string{"/healthz": "200 ok", "/readyz": "200 ready", "/metrics": "200 sluice_up 1", "/llm/x": "200 llm", "/holds": "503 sluice: not configured here"} {
		if code, text := fetch(t, client, base+path); fmt.Sprintf("%d %s", code, strings.TrimSpace(text)) != want {
			t.Errorf("%s: %d %s, want %s", path, code, text, want)
		}
	}
	why := errors.New("the audit log has stopped")
	notReady.Store(&why)
	if code, text := fetch(t, client, base+"/readyz"); code != 503 || !strings.Contains(text, "audit log has stopped") {
		t.Errorf("readyz: %d %s", code, text)
	}
	// A live answer ends with the server, and not before.
	console.Set(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	resp, err := client.Get(base + "/live")
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 2 {
		t.Errorf("HTTP/%d, want 2", resp.ProtoMajor)
	}
	in := bufio.NewReader(resp.Body)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	tr2 := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	if resp, err := (&http.Client{Transport: tr2}).Get(base + "/healthz?" + strings.Repeat("x", 100<<10)); err != nil {
		t.Error(err)
	} else {
		if resp.StatusCode < 400 {
			t.Errorf("100 KiB of headers: %s", resp.Status)
		}
		resp.Body.Close()
	}
	cancel()
	_, _ = io.ReadAll(in)
	resp.Body.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	tr.CloseIdleConnections()
	tr2.CloseIdleConnections()
}

func TestPlainOnLoopbackOnly(t *testing.T) {
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := (&HTTP{}).Serve(t.Context(), ln); err == nil || !strings.Contains(err.Error(), "loopback alone") {
		t.Errorf("plain text for the network: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	local := listen(t)
	done := make(chan error, 1)
	go func() { done <- (&HTTP{Drain: time.Second}).Serve(ctx, local) }()
	tr := &http.Transport{}
	if code, _ := fetch(t, &http.Client{Transport: tr}, "http://"+local.Addr().String()+"/healthz"); code != 200 {
		t.Error(code)
	}
	tr.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestHTTPBoundsConnections(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln := listen(t)
	done := make(chan error, 1)
	go func() { done <- (&HTTP{MaxConns: 1, Drain: time.Second}).Serve(ctx, ln) }()
	first, second := dial(t, ln), dial(t, ln)
	ask := func(c net.Conn) { fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") }
	answer := func(c net.Conn) string {
		text, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	ask(second) // waits for its turn
	ask(first)
	if got := answer(first); !strings.Contains(got, "200") {
		t.Error(got)
	}
	first.Close()
	if got := answer(second); !strings.Contains(got, "200") {
		t.Error(got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
