package server

import (
	"context"
	"errors"
	"fmt"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/identity"
	"sluice.dev/proxy/identity/password"
	"sluice.dev/proxy/server/api"
)

// verify proves who a client's credential belongs to: a token, or a session password. The API takes tokens alone
// (Manager.Verify), so that no password ever gets another.
func (g *Gateway) verify(ctx context.Context, credential string) (*identity.Principal, error) {
	if !password.Is(credential) {
		return g.manager.Verify(ctx, credential)
	}
	p, err := g.book.Verify(credential)
	if err != nil {
		return nil, err
	}
	// The provider that proved the login may have left the configuration since.
	if gen := g.manager.Generation(); gen == nil || gen.IdentityName(p.Issuer) == "" {
		return nil, fmt.Errorf("the identity provider %s is not one of this gateway's any more", p.Issuer)
	}
	return p, nil
}

// passwords is the book as the API sees it.
func (g *Gateway) passwords() api.Passwords { return passwords{g} }

type passwords struct{ g *Gateway }

func (p passwords) Issue(by *identity.Principal, connection string) (api.Credential, error) {
	c := p.g.gate.Connection(connection)
	if c == nil {
		return api.Credential{}, &fault{console.ErrNotFound, fmt.Sprintf("there is no connection %q", connection)}
	}
	c.Generation.Release()
	out, err := p.g.book.Issue(by, connection)
	switch {
	case errors.Is(err, password.ErrTooMany):
		return api.Credential{}, &fault{console.ErrConflict, err.Error()}
	case err != nil:
		return api.Credential{}, &fault{console.ErrForbidden, err.Error()}
	}
	return api.Credential{Password: out.Password, Connection: out.Connection, Expires: out.Expires}, nil
}

func (p passwords) Revoke(by *identity.Principal) int { return p.g.book.Revoke(by.Subject, by.Issuer) }
