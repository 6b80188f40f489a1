package api

import (
	"context"
	"net/http"
	"strings"

	"sluice.dev/proxy/identity"
)

// maxToken bounds a bearer token, in bytes.
const maxToken = 16 << 10

// Bearer says who asks by the token of the Authorization header (RFC 6750 §2.1). verify checks signature, issuer,
// audience and expiry; its error's text is shown to the caller, and must not hold the token.
func Bearer(verify func(ctx context.Context, raw string) (*identity.Principal, error)) func(*http.Request) (*identity.Principal, error) {
	return func(r *http.Request) (*identity.Principal, error) {
		scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		raw = strings.TrimSpace(raw)
		if !strings.EqualFold(scheme, "Bearer") || raw == "" {
			return nil, problem(http.StatusUnauthorized, KindUnauthorized, "no token: send Authorization: Bearer …")
		}
		if len(raw) > maxToken {
			return nil, problem(http.StatusUnauthorized, KindUnauthorized, "the token is too long")
		}
		p, err := verify(r.Context(), raw)
		if err != nil {
			return nil, problem(http.StatusUnauthorized, KindUnauthorized, err.Error())
		}
		return p, nil
	}
}
