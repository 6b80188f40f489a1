package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
)

// fetchTime bounds one fetch, discovery included.
const fetchTime = 10 * time.Second

// keys are the issuer's signing keys, as fresh as Options say. They are fetched by one goroutine at a time, which
// belongs to keys and ends before close returns; verifiers wait for it no longer than their own context.
type keys struct {
	options Options
	client  *http.Client
	changed func() // called when a key is gone or new, before the new set is used

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu         sync.Mutex
	set        []jose.JSONWebKey
	generation uint64    // counts the changes of set
	fetched    time.Time // when set was last confirmed; zero: never
	tried      time.Time // when the last fetch began
	jwksURI    string    // "" until discovery has worked
	failure    error     // of the last fetch
	running    *fetch
	closed     bool
}

// fetch is one request for the keys that is under way.
type fetch struct {
	done chan struct{}
	err  error // to be read after done
}

var errClosed = errors.New("the provider is closed")

func newKeys(o Options, changed func()) *keys {
	k := &keys{options: o, client: bounded(o.Client), changed: changed}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

func (k *keys) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.cancel()
	k.wg.Wait()
	k.client.CloseIdleConnections() // of a client that is shared: those that nobody uses now
}

// trusted is whether the keys are not too old to be used. If they are merely old it asks for new ones, and does not
// wait for them.
func (k *keys) trusted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.options.Now()
	age := now.Sub(k.fetched)
	if k.closed || k.fetched.IsZero() || age >= k.options.MaxStale {
		return false
	}
	if age >= k.options.Refresh {
		k.start(now)
	}
	return true
}

// fresh returns nil if the keys are trusted, if need be after waiting for new ones.
func (k *keys) fresh(ctx context.Context) error {
	if k.trusted() {
		return nil
	}
	asked, err := k.renewed(ctx)
	if !asked && err == nil {
		return errors.New("the issuer was asked a moment ago")
	}
	return err
}

// renewed asks for the keys again and waits for the answer. Not so often as tokens come: false, it was done too short
// a time ago to be done again, with what came of it then.
func (k *keys) renewed(ctx context.Context) (asked bool, err error) {
	k.mu.Lock()
	f := k.start(k.options.Now())
	failure, closed := k.failure, k.closed
	k.mu.Unlock()
	switch {
	case f != nil:
		return true, f.wait(ctx)
	case closed:
		return false, errClosed
	case failure != nil:
		return false, fmt.Errorf("the last attempt failed: %w", failure)
	}
	return false, nil
}

// start begins a fetch, or joins the one under way. nil: MinFetch forbids it. k.mu is held.
func (k *keys) start(now time.Time) *fetch {
	if k.running != nil {
		return k.running
	}
	if k.closed || !k.tried.IsZero() && now.Sub(k.tried) < k.options.MinFetch {
		return nil
	}
	k.tried = now
	f := &fetch{done: make(chan struct{})}
	k.running = f
	k.wg.Go(func() {
		set, err := k.get()
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil {
			k.fetched = now // when we asked: the answer is no younger
			if !same(k.set, set) {
				k.generation++
				k.changed()
			}
			k.set = set
		}
		k.failure, f.err, k.running = err, err, nil
		close(f.done)
	})
	return f
}

func (f *fetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// get asks the issuer: for its discovery document until that has worked once (and again after the keys could not be
// had, since they may have moved), then for the keys.
func (k *keys) get() ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(k.ctx, fetchTime)
	defer cancel()
	if k.jwksURI == "" {
		uri, err := k.discover(ctx)
		if err != nil {
			return nil, err
		}
		k.jwksURI = uri // only get, which runs once at a time, touches it
	}
	set, err := k.load(ctx, k.jwksURI)
	if err != nil {
		k.jwksURI = ""
	}
	return set, err
}

func (k *keys) discover(ctx context.Context) (string, error) {
	issuer, err := goidc.NewProvider(goidc.ClientContext(ctx, k.client), k.options.Issuer)
	if err != nil {
		return "", fmt.Errorf("discovery: %w", briefly(err))
	}
	var document struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := issuer.Claims(&document); err != nil {
		return "", fmt.Errorf("discovery: %w", briefly(err))
	}
	if err := secure(document.JWKSURI); err != nil {
		return "", fmt.Errorf("discovery: jwks_uri: %w", err)
	}
	return document.JWKSURI, nil
}

func (k *keys) load(ctx context.Context, uri string) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("keys: %s answers %s", uri, resp.Status)
	}
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&document); err != nil {
		return nil, fmt.Errorf("keys: %s: %w", uri, err)
	}
	set := usable(document.Keys)
	if len(set) == 0 {
		return nil, fmt.Errorf("keys: %s has no key that can verify a token", uri)
	}
	return set, nil
}

// briefly cuts an error that quotes what the issuer answered.
func briefly(err error) error {
	if text := err.Error(); len(text) > 300 {
		return errors.New(text[:300] + "…")
	}
	return err
}
