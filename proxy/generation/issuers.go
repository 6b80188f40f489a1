package generation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"sluice.dev/proxy/config"
	"sluice.dev/proxy/identity/oidc"
)

// issuers keeps identity providers over generations, with the keys that they
// have fetched: a reload while an issuer is down must not refuse every log-in.
type issuers struct {
	mu    sync.Mutex
	known map[string]*issuer
}

type issuer struct {
	provider *oidc.Provider
	users    int
}

// acquire returns the provider of an identity block for an audience, an old
// one where nothing about it has changed; release gives it back.
func (i *issuers) acquire(ctx context.Context, b *config.Identity, audiences []string) (p *oidc.Provider, release func(), err error) {
	o := oidc.Options{Issuer: b.Issuer, Audiences: audiences, SubjectClaim: b.SubjectClaim, GroupsClaim: b.GroupsClaim,
		DisplayClaim: b.DisplayClaim, KindClaim: b.KindClaim, ActorClaim: b.ActorClaim, Kinds: b.Kinds, Claims: b.Claims,
		Skew: b.Skew, Lazy: true}
	var roots []byte
	if !b.CAFile.IsZero() {
		if roots, err = os.ReadFile(b.CAFile.Abs); err != nil {
			return nil, nil, err
		}
	}
	key := fmt.Sprintf("%+v\x00%s", o, roots)
	i.mu.Lock()
	defer i.mu.Unlock()
	x := i.known[key]
	if x == nil {
		if roots != nil {
			pool := x509.NewCertPool()
			if !pool.AppendCertsFromPEM(roots) {
				return nil, nil, fmt.Errorf("%s has no certificate in PEM form", b.CAFile.Given)
			}
			o.Client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
		}
		if p, err = oidc.New(ctx, o); err != nil {
			return nil, nil, err
		}
		x = &issuer{provider: p}
		if i.known == nil {
			i.known = make(map[string]*issuer)
		}
		i.known[key] = x
	}
	x.users++
	return x.provider, sync.OnceFunc(func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if x.users--; x.users == 0 {
			delete(i.known, key)
			x.provider.Close()
		}
	}), nil
}
