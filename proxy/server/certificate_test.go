package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes a self-signed pair for the name.
func write(t *testing.T, certFile, keyFile, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// subject is the common name that a handshake gets now, looking at the files again.
func subject(t *testing.T, c *Certificate) string {
	t.Helper()
	c.mu.Lock()
	c.looked = time.Time{}
	c.mu.Unlock()
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan error, 1)
	go func() {
		s := tls.Server(server, c.TLS())
		done <- s.Handshake()
		server.Close()
	}()
	tc := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return tc.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestCertificateRotates(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "gw.crt"), filepath.Join(dir, "gw.key")
	if _, err := LoadCertificate(cert, key); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Fatalf("no files: %v", err)
	}
	write(t, cert, key, "one")
	c, err := LoadCertificate(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if got := subject(t, c); got != "one" {
		t.Fatal(got)
	}
	// Half a rotation: the new certificate is there and its key is not yet.
	old, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, key, "two")
	fresh, _ := os.ReadFile(key)
	if err := os.WriteFile(key, append(old, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := subject(t, c); got != "one" || c.Err() == nil {
		t.Fatalf("half a rotation: %s, error %v", got, c.Err())
	}
	if err := os.WriteFile(key, fresh, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := subject(t, c); got != "two" || c.Err() != nil {
		t.Fatalf("a whole rotation: %s, error %v", got, c.Err())
	}
	os.Remove(cert)
	if got := subject(t, c); got != "two" || c.Err() == nil {
		t.Fatalf("files gone: %s, error %v", got, c.Err())
	}
}
