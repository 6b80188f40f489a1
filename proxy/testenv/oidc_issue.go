package testenv

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Claims are a token's. A nil value leaves a default claim out.
type Claims map[string]any

// Issue signs a token with the provider's current key: iss, aud, iat, exp and jti as usual, and the claims over them.
// It panics if the claims are no JSON: that is a mistake in the test.
func (s *OIDCServer) Issue(claims Claims) string {
	return sign(s.store.current(), s.fill(claims), "JWT", false)
}

// IssueType is Issue with another typ in the header, such as at+jwt (RFC 9068) or logout+jwt.
func (s *OIDCServer) IssueType(typ string, claims Claims) string {
	return sign(s.store.current(), s.fill(claims), typ, false)
}

// IssueSize is Issue with a claim "padding" that makes the token at least that many bytes long.
func (s *OIDCServer) IssueSize(n int, claims Claims) string {
	short := len(s.Issue(claims))
	if n <= short {
		return s.Issue(claims)
	}
	padded := maps.Clone(claims)
	if padded == nil {
		padded = Claims{}
	}
	padded["padding"] = strings.Repeat("x", (n-short)*3/4+3)
	return s.Issue(padded)
}

func (s *OIDCServer) fill(claims Claims) Claims {
	now := time.Now()
	all := Claims{
		"iss": s.Issuer, "aud": s.Audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(s.opts.TokenLifetime).Unix(),
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

func sign(k *signingKey, claims Claims, typ string, embedKey bool) string {
	o := &jose.SignerOptions{EmbedJWK: embedKey}
	if !embedKey {
		o = o.WithHeader("kid", k.id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: k.priv}, o.WithType(jose.ContentType(typ)))
	if err != nil {
		panic(fmt.Sprintf("testenv: sign: %v", err))
	}
	jws, err := signer.Sign(mustJSON(claims))
	if err != nil {
		panic(fmt.Sprintf("testenv: sign: %v", err))
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		panic(fmt.Sprintf("testenv: sign: %v", err))
	}
	return raw
}

// Forged are tokens that an attacker would try, by what is wrong with them. All bear the claims of a good one, and
// none may be accepted.
func (s *OIDCServer) Forged(claims Claims) map[string]string {
	current := s.store.current()
	other, err := newSigningKey(s.opts.Algorithm)
	if err != nil {
		panic(fmt.Sprintf("testenv: forge: %v", err))
	}
	stranger := sign(other, s.fill(claims), "JWT", false)
	other.id = current.id
	der, err := x509.MarshalPKIXPublicKey(current.priv.Public())
	if err != nil {
		panic(fmt.Sprintf("testenv: forge: %v", err))
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	good := strings.Split(s.Issue(claims), ".")
	admin := maps.Clone(claims)
	if admin == nil {
		admin = Claims{}
	}
	admin["sub"] = "root"
	return map[string]string{
		"another key under our key's id": sign(other, s.fill(claims), "JWT", false),
		"an unknown key":                 stranger,
		"alg none":                       s.plain(map[string]any{"alg": "none", "typ": "JWT"}, claims) + ".",
		"alg None, spelled otherwise":    s.plain(map[string]any{"alg": "nOnE", "typ": "JWT"}, claims) + ".",
		"alg none with our key's id":     s.plain(map[string]any{"alg": "none", "kid": current.id}, claims) + "." + good[2],
		"no alg":                         s.plain(map[string]any{"typ": "JWT"}, claims) + "." + good[2],
		"HS256 keyed with the public key": func() string {
			signed := s.plain(map[string]any{"alg": "HS256", "typ": "JWT", "kid": current.id}, claims)
			mac := hmac.New(sha256.New, public)
			mac.Write([]byte(signed))
			return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}(),
		"another payload under a good signature": good[0] + "." + encode(mustJSON(s.fill(admin))) + "." + good[2],
		"the signature cut off":                  good[0] + "." + good[1] + ".",
		"a key of its own in the header":         sign(other, s.fill(claims), "JWT", true),
	}
}

func (s *OIDCServer) plain(header map[string]any, claims Claims) string {
	return encode(mustJSON(header)) + "." + encode(mustJSON(s.fill(claims)))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("testenv: claims: %v", err))
	}
	return b
}
