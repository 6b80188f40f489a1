package testenv

import (
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// oidcClient is the console as the provider knows it. It fulfils op.Client and op.HasRedirectGlobs.
type oidcClient struct {
	id, secret string
	redirects  []string
	lifetime   time.Duration
}

func (c *oidcClient) GetID() string                    { return c.id }
func (c *oidcClient) RedirectURIs() []string           { return c.redirects }
func (c *oidcClient) PostLogoutRedirectURIs() []string { return nil }
func (c *oidcClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c *oidcClient) GrantTypes() []oidc.GrantType         { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c *oidcClient) LoginURL(id string) string            { return "/login?id=" + url.QueryEscape(id) }
func (c *oidcClient) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (c *oidcClient) IDTokenLifetime() time.Duration       { return c.lifetime }
func (c *oidcClient) IsScopeAllowed(string) bool           { return false }
func (c *oidcClient) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c *oidcClient) ClockSkew() time.Duration             { return 0 }

// DevMode allows plain http and patterns for the way back.
func (c *oidcClient) DevMode() bool { return true }

func (c *oidcClient) ApplicationType() op.ApplicationType {
	if c.secret == "" {
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeWeb
}

func (c *oidcClient) AuthMethod() oidc.AuthMethod {
	if c.secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

func (c *oidcClient) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (c *oidcClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// RedirectURIGlobs lets the client come back to any port and path of this machine: tests start consoles anywhere.
func (c *oidcClient) RedirectURIGlobs() []string {
	return []string{"http{,s}://127.0.0.1:*/**", "http{,s}://localhost:*/**"}
}

func (c *oidcClient) PostLogoutRedirectURIGlobs() []string { return nil }
