package oidc

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"slices"
	"strings"
)

// header is what we read of a JOSE header (RFC 7515 §4.1). encoding/json takes any letter case for a field, which is
// harmless: what is refused here is refused, and go-jose, which reads exactly, decides about the rest.
type header struct {
	Alg  string          `json:"alg"`
	Typ  string          `json:"typ"`
	Crit json.RawMessage `json:"crit"`
}

// inspect looks at what can be judged without a key, so that what is no token of this issuer costs no signature and no
// request. Nothing it reads is trusted.
func (p *Provider) inspect(raw string) error {
	head, payload, ok := split(raw)
	if !ok {
		return p.refuse(ErrMalformed, "it is not three parts of base64url with dots between")
	}
	var h header
	if json.Unmarshal(head, &h) != nil {
		return p.refuse(ErrMalformed, "its header is not JSON")
	}
	if !slices.Contains(p.options.Algorithms, h.Alg) {
		return p.refuse(ErrAlgorithm, "%s, not one of %s", quote(h.Alg), strings.Join(p.options.Algorithms, ", "))
	}
	// RFC 7515 §4.1.9: "application/" may be left out, and case does not count.
	typ := strings.TrimPrefix(strings.ToLower(h.Typ), "application/")
	if !slices.ContainsFunc(p.options.Types, func(t string) bool { return strings.EqualFold(t, typ) }) {
		return p.refuse(ErrMalformed, "its type is %s, which is not a token for logging in", quote(h.Typ))
	}
	if h.Crit != nil {
		return p.refuse(ErrMalformed, "its header has critical extensions") // RFC 7515 §4.1.11
	}
	if !json.Valid(payload) {
		return p.refuse(ErrMalformed, "its payload is not JSON")
	}
	if iss := issuer(payload); iss != p.options.Issuer {
		return p.refuse(ErrIssuer, "it says %s", quote(iss))
	}
	return nil
}

// split decodes header and payload. Dots are counted first: a flood of them costs nothing. Line ends are refused, which
// Go's decoder would pass over: one token has one spelling.
func split(raw string) (head, payload []byte, ok bool) {
	if strings.Count(raw, ".") != 2 || strings.ContainsAny(raw, "\r\n") {
		return nil, nil, false
	}
	parts := strings.Split(raw, ".")
	head, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	return head, payload, err1 == nil && err2 == nil
}

func issuer(payload []byte) string {
	var claims map[string]json.RawMessage
	var iss string
	if json.Unmarshal(payload, &claims) != nil || json.Unmarshal(claims["iss"], &iss) != nil {
		return ""
	}
	return iss
}

// Issuer is who a token claims to be from, unproven: good for choosing who verifies it. "" if it is no JWT.
func Issuer(raw string) string {
	_, payload, ok := split(raw)
	if !ok {
		return ""
	}
	return issuer(payload)
}

// quote shows a little of something that an attacker may have written.
func quote(s string) string {
	if s == "" {
		return "nothing"
	}
	b, _ := json.Marshal(strings.ToValidUTF8(s[:min(len(s), 64)], "�")) // a string always marshals
	if len(s) > 64 {
		return string(b) + "…"
	}
	return string(b)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
