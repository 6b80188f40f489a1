package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Certificate is a pair of PEM files, read again when they change. A pair that cannot be read is refused and the one
// before goes on: a rotation that is half done must not stop anybody.
type Certificate struct {
	certFile, keyFile string

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  pairStamp
	looked time.Time
	err    error
}

type pairStamp struct{ cert, key fileStamp }

type fileStamp struct {
	at   time.Time
	size int64
}

// lookEvery bounds how often the files are looked at.
const lookEvery = time.Second

// LoadCertificate reads the pair for the first time.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the pair now.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamp, err := c.look()
	if err != nil {
		return err
	}
	return c.load(stamp)
}

// Err is why the newest files are not in use, or nil.
func (c *Certificate) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Get is for tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		if stamp, err := c.look(); err != nil {
			c.err = err
		} else if stamp != c.stamp || c.err != nil {
			c.err = c.load(stamp)
		}
	}
	return c.pair, nil
}

func (c *Certificate) load(stamp pairStamp) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		err = fmt.Errorf("server: certificate %s with key %s: %w", c.certFile, c.keyFile, err)
		c.err = err
		return err
	}
	c.pair, c.stamp, c.err = &pair, stamp, nil
	return nil
}

func (c *Certificate) look() (pairStamp, error) {
	var s pairStamp
	for file, to := range map[string]*fileStamp{c.certFile: &s.cert, c.keyFile: &s.key} {
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			return s, fmt.Errorf("server: %s does not exist", file)
		}
		if err != nil {
			return s, fmt.Errorf("server: %w", err)
		}
		*to = fileStamp{info.ModTime(), info.Size()}
	}
	return s, nil
}

// TLS returns a server's configuration with this certificate: TLS 1.2 at least, Go's own choice of ciphers. protos are
// for ALPN.
func (c *Certificate) TLS(protos ...string) *tls.Config {
	return &tls.Config{GetCertificate: c.Get, MinVersion: tls.VersionTLS12, NextProtos: protos}
}
