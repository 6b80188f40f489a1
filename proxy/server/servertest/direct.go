package servertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice.dev/proxy/audit"
)

// Direct runs SQL on the database itself, as its superuser, and returns the
// first row of the last result as text, cells joined by a bar.
func (g *Gateway) Direct(sql string) string {
	g.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, g.DB.SuperDSN("orders"))
	g.must(err)
	defer conn.Close(ctx)
	all, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	g.must(err)
	if len(all) == 0 || len(all[len(all)-1].Rows) == 0 {
		return ""
	}
	var cells []string
	for _, c := range all[len(all)-1].Rows[0] {
		cells = append(cells, string(c))
	}
	return strings.Join(cells, "|")
}

// Records reads the audit log as it is on disk, of the given events or all.
func (g *Gateway) Records(events ...string) []*audit.Entry {
	g.tb.Helper()
	var out []*audit.Entry
	g.must(audit.Scan(filepath.Join(g.Dir, "data", "audit"), func(s audit.Seq, raw []byte) error {
		e, err := audit.Decode(s, raw)
		if err != nil {
			return err
		}
		for _, want := range events {
			if e.Event == want {
				out = append(out, e)
			}
		}
		if len(events) == 0 {
			out = append(out, e)
		}
		return nil
	}))
	return out
}

// certificate makes a certificate for 127.0.0.1, signed by itself.
func certificate(g *Gateway) (ca, cert, key string) {
	cert, key = filepath.Join(g.Dir, "gateway.crt"), filepath.Join(g.Dir, "gateway.key")
	if _, err := os.Stat(cert); err == nil {
		return cert, cert, key
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.must(err)
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sluice test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, k.Public(), k)
	g.must(err)
	kd, err := x509.MarshalPKCS8PrivateKey(k)
	g.must(err)
	g.must(os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	g.must(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kd}), 0o600))
	return cert, cert, key
}
