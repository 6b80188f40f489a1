package testenv

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// oidcStore is the provider's storage, in memory: the authorization code flow for one client, and nothing that the
// gateway does not need (no refresh tokens, no opaque tokens).
type oidcStore struct {
	opts   OIDCOptions
	mu     sync.Mutex
	keys   []*signingKey // the last one signs
	client *oidcClient
	logins map[string]*login // by id
	codes  map[string]string // code → id
}

var errNotOffered = errors.New("testenv: the provider does not offer this")

func newOIDCStore(o OIDCOptions, key *signingKey) *oidcStore {
	return &oidcStore{
		opts: o, keys: []*signingKey{key}, logins: map[string]*login{}, codes: map[string]string{},
		client: &oidcClient{id: o.ClientID, secret: o.ClientSecret, redirects: o.RedirectURIs, lifetime: o.TokenLifetime},
	}
}

func (s *oidcStore) addKey(k *signingKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, k)
}

func (s *oidcStore) forgetOldKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = s.keys[len(s.keys)-1:]
}

func (s *oidcStore) current() *signingKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[len(s.keys)-1]
}

func (s *oidcStore) allowRedirects(uris []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := *s.client // handed out: not changed in place
	c.redirects = append(slices.Clone(c.redirects), uris...)
	s.client = &c
}

func (s *oidcStore) person(subject string) (Person, error) {
	for _, p := range s.opts.People {
		if p.Subject == subject {
			if p.Kind == "" {
				p.Kind = "human"
			}
			return p, nil
		}
	}
	return Person{}, fmt.Errorf("testenv: nobody is called %q", subject)
}

func (p Person) claims() map[string]any {
	return map[string]any{"groups": p.Groups, "kind": p.Kind, "name": p.Name}
}

// login is one run of the authorization code flow; it fulfils op.AuthRequest.
type login struct {
	*oidc.AuthRequest
	id, subject string
	at          time.Time
}

func (l *login) GetID() string          { return l.id }
func (l *login) GetACR() string         { return "" }
func (l *login) GetAMR() []string       { return []string{"user"} }
func (l *login) GetAudience() []string  { return []string{l.ClientID} }
func (l *login) GetAuthTime() time.Time { return l.at }
func (l *login) GetClientID() string    { return l.ClientID }
func (l *login) GetScopes() []string    { return l.Scopes }
func (l *login) GetNonce() string       { return l.Nonce }
func (l *login) GetSubject() string     { return l.subject }
func (l *login) Done() bool             { return l.subject != "" }
func (l *login) GetCodeChallenge() *oidc.CodeChallenge {
	if l.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: l.CodeChallenge, Method: l.CodeChallengeMethod}
}

func (s *oidcStore) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.logins) >= 1000 {
		return nil, errors.New("testenv: too many logins begun and not ended")
	}
	l := &login{AuthRequest: r, id: rand.Text()}
	s.logins[l.id] = l
	return l, nil
}

func (s *oidcStore) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.logins[id]; l != nil {
		return l, nil
	}
	return nil, errors.New("testenv: no such login")
}

func (s *oidcStore) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id := s.codes[code]
	s.mu.Unlock()
	return s.AuthRequestByID(ctx, id)
}

func (s *oidcStore) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

func (s *oidcStore) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.logins, id)
	for code, of := range s.codes {
		if of == id {
			delete(s.codes, code)
		}
	}
	return nil
}

// choose ends a login: this person it is.
func (s *oidcStore) choose(id, subject string) error {
	if _, err := s.person(subject); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logins[id]
	if l == nil {
		return errors.New("testenv: no such login: it has ended, or the provider was started anew")
	}
	done := *l
	done.subject, done.at = subject, time.Now()
	s.logins[id] = &done
	return nil
}

func (s *oidcStore) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(s.opts.TokenLifetime), nil
}

func (s *oidcStore) SigningKey(context.Context) (op.SigningKey, error) { return s.current(), nil }

func (s *oidcStore) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{s.current().alg}, nil
}

func (s *oidcStore) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]op.Key, len(s.keys))
	for i, k := range s.keys {
		keys[i] = publicKey{k}
	}
	return keys, nil
}

func (s *oidcStore) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != s.client.id {
		return nil, fmt.Errorf("testenv: no client %q", id)
	}
	return s.client, nil
}

func (s *oidcStore) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != s.opts.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(s.opts.ClientSecret)) != 1 {
		return errors.New("testenv: wrong client or secret")
	}
	return nil
}

// SetUserinfoFromScopes fills the ID token: groups and kind whatever the scope, as most companies set their provider.
func (s *oidcStore) SetUserinfoFromScopes(_ context.Context, u *oidc.UserInfo, subject, _ string, _ []string) error {
	p, err := s.person(subject)
	if err != nil {
		return err
	}
	u.Subject, u.Name = p.Subject, p.Name
	u.AppendClaims("groups", p.Groups)
	u.AppendClaims("kind", p.Kind)
	return nil
}

func (s *oidcStore) SetUserinfoFromToken(ctx context.Context, u *oidc.UserInfo, _, subject, _ string) error {
	return s.SetUserinfoFromScopes(ctx, u, subject, "", nil)
}

func (s *oidcStore) GetPrivateClaimsFromScopes(_ context.Context, subject, _ string, _ []string) (map[string]any, error) {
	p, err := s.person(subject)
	return p.claims(), err
}

func (s *oidcStore) TerminateSession(context.Context, string, string) error { return nil }
func (s *oidcStore) Health(context.Context) error                           { return nil }

func (s *oidcStore) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNotOffered
}

func (s *oidcStore) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, op.ErrInvalidRefreshToken
}

func (s *oidcStore) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrInvalidRequest().WithDescription("nothing can be revoked here")
}

func (s *oidcStore) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

func (s *oidcStore) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNotOffered
}

func (s *oidcStore) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotOffered
}

func (s *oidcStore) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotOffered
}
