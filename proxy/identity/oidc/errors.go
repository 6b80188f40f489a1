package oidc

import (
	"errors"
	"fmt"
)

// What can be wrong with a token. Verify's errors are each one of these (errors.Is), with a text for people that has
// no part of the token but claims whose signature was good.
var (
	// ErrMalformed: not a JWT, too large, or claims that are not as configured.
	ErrMalformed = errors.New("the token is malformed")
	// ErrAlgorithm: signed with an algorithm that is not on the list, or not signed.
	ErrAlgorithm = errors.New("the token's signature algorithm is not accepted")
	// ErrIssuer: another issuer's token.
	ErrIssuer = errors.New("the token is from another issuer")
	// ErrSignature: not signed with a current key of the issuer.
	ErrSignature = errors.New("the token's signature is not valid")
	// ErrAudience: meant for somebody else.
	ErrAudience = errors.New("the token is for another audience")
	// ErrExpired: too old.
	ErrExpired = errors.New("the token has expired")
	// ErrNotYet: not valid yet (nbf or iat lies ahead).
	ErrNotYet = errors.New("the token is not valid yet")
	// ErrUnavailable: the issuer's keys are not known, or too old to be trusted; nobody can log in until the issuer
	// answers. The one kind for which trying again later can help.
	ErrUnavailable = errors.New("the issuer's keys are not available")
)

// refuse makes an error of a kind with what is particular about it.
func (p *Provider) refuse(kind error, format string, args ...any) error {
	return fmt.Errorf("oidc: %s: %w: %w", p.options.Issuer, kind, fmt.Errorf(format, args...))
}
