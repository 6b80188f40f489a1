package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	goidc "github.com/coreos/go-oidc/v3/oidc"

	"sluice.dev/proxy/identity"
)

// Limits on what a token may say. OpenID Connect Core §2 gives sub 255 characters.
const (
	maxName   = 255
	maxGroups = 1000
	maxHops   = 8
	maxDepth  = 5
	maxItems  = 100
	maxText   = 1024
)

// principal reads the claims of a token whose signature is good.
func (p *Provider) principal(token *goidc.IDToken) (*identity.Principal, error) {
	var claims map[string]any
	var payload json.RawMessage
	if token.Claims(&payload) != nil || decode(payload, &claims) != nil {
		return nil, p.refuse(ErrMalformed, "its claims are not a JSON object")
	}
	end, err := p.times(claims)
	if err != nil {
		return nil, err
	}
	audience, err := names(claims["aud"])
	if err != nil {
		return nil, p.refuse(ErrMalformed, "aud: %w", err)
	}
	if !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(p.options.Audiences, a) }) {
		return nil, p.refuse(ErrAudience, "it is for %s, and must be for %s", quote(strings.Join(audience, ", ")), strings.Join(p.options.Audiences, " or "))
	}
	who, err := p.read(claims)
	if err != nil {
		return nil, p.refuse(ErrMalformed, "%w", err)
	}
	who.NotAfter = end
	return who, nil
}

func decode(raw []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	return d.Decode(v)
}

// times checks exp, nbf and iat (RFC 7519 §4.1) and returns when the login ends.
func (p *Provider) times(claims map[string]any) (time.Time, error) {
	now, skew := p.options.Now(), p.options.Skew
	exp, ok, err := moment(claims["exp"])
	if err != nil || !ok {
		return time.Time{}, p.refuse(ErrMalformed, "exp is missing or no time")
	}
	end := exp.Add(skew)
	if !now.Before(end) {
		return time.Time{}, p.refuse(ErrExpired, "at %s", exp.UTC().Format(time.RFC3339))
	}
	for _, name := range []string{"nbf", "iat"} {
		t, ok, err := moment(claims[name])
		if err != nil {
			return time.Time{}, p.refuse(ErrMalformed, "%s is no time", name)
		}
		if ok && now.Add(skew).Before(t) {
			return time.Time{}, p.refuse(ErrNotYet, "%s is %s", name, t.UTC().Format(time.RFC3339))
		}
	}
	return end, nil
}

// moment reads a NumericDate: seconds since 1970, perhaps with a fraction. False: there is none.
func moment(v any) (t time.Time, ok bool, err error) {
	if v == nil {
		return time.Time{}, false, nil
	}
	n, isNumber := v.(json.Number)
	f, err := n.Float64()
	if !isNumber || err != nil || f < 0 || f > 1e11 { // the year 5138
		return time.Time{}, false, errors.New("no time")
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)), true, nil
}

// read makes the principal. Errors name claims, and what is wrong with them, not their values.
func (p *Provider) read(claims map[string]any) (*identity.Principal, error) {
	o := &p.options
	if sources, ok := claims["_claim_names"].(map[string]any); ok && sources[o.GroupsClaim] != nil {
		// OpenID Connect Core §5.6.2; Entra does it above 200 groups. No groups would loosen a policy that denies some.
		return nil, fmt.Errorf("%s is not in it but elsewhere (_claim_names): have the issuer send fewer groups", o.GroupsClaim)
	}
	if claims["cnf"] != nil {
		return nil, errors.New("it is bound to a key (cnf, RFC 7800), and a password field cannot prove that key")
	}
	subject, err := p.party(claims)
	if err != nil {
		return nil, err
	}
	who := &identity.Principal{Groups: subject.Groups, Claims: map[string]any{}}
	for _, name := range o.Claims {
		v := lookup(claims, name)
		if v == nil {
			continue
		}
		if who.Claims[name], err = plain(v, maxDepth); err != nil {
			return nil, fmt.Errorf("claim %s: %w", name, err)
		}
	}
	if v, ok := claims["jti"].(string); ok && named("jti", v) == nil {
		who.TokenID = v
	}
	actors, err := p.actors(claims)
	if err != nil {
		return nil, err
	}
	self := subject
	if len(actors) > 0 {
		if subject.Kind == "" && o.KindClaim == "" {
			subject.Kind = identity.KindHuman // whom a program acts for, unless the token can say otherwise
		}
		self = actors[0]
		who.ActorGroups = self.Groups
		who.Chain = []identity.Hop{subject.Hop}
		for _, earlier := range slices.Backward(actors[1:]) {
			who.Chain = append(who.Chain, earlier.Hop)
		}
	}
	who.Subject, who.Issuer, who.Kinds = self.Subject, self.Issuer, self.kinds
	who.Display = self.display
	return who, nil
}

// party is one of those a token speaks of: its subject, or an actor.
type party struct {
	identity.Hop
	kinds   []string
	display string
}

// party reads sub, groups and kind of a token or of an act claim in it.
func (p *Provider) party(claims map[string]any) (*party, error) {
	o := &p.options
	v := lookup(claims, o.SubjectClaim)
	sub, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s is missing or no string", o.SubjectClaim)
	}
	if err := named(o.SubjectClaim, sub); err != nil {
		return nil, err
	}
	if o.SubjectClaim == "email" && (claims["email_verified"] == false || claims["email_verified"] == "false") {
		return nil, errors.New("its email is not verified")
	}
	h := &party{Hop: identity.Hop{Subject: sub, Issuer: o.Issuer, Proof: identity.ProofToken}}
	var err error
	if h.Groups, err = names(lookup(claims, o.GroupsClaim)); err != nil {
		return nil, fmt.Errorf("%s: %w", o.GroupsClaim, err)
	}
	if o.KindClaim != "" {
		values, err := names(lookup(claims, o.KindClaim))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.KindClaim, err)
		}
		h.kinds = o.kinds(values)
	}
	if len(h.kinds) > 0 {
		h.Kind = h.kinds[0]
	}
	if s, ok := lookup(claims, o.DisplayClaim).(string); ok && named(o.DisplayClaim, s) == nil {
		h.display = s
	}
	return h, nil
}

func (o *Options) kinds(values []string) []string {
	if len(o.Kinds) == 0 {
		return values
	}
	var kinds []string
	for _, v := range values {
		if k, ok := o.Kinds[v]; ok && !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// actors are those of the act claim, the current one first, then the earlier ones (RFC 8693 §4.1).
func (p *Provider) actors(claims map[string]any) ([]*party, error) {
	var actors []*party
	name := p.options.ActorClaim
	for v := lookup(claims, name); v != nil; {
		act, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s is no object", name)
		}
		if len(actors) == maxHops {
			return nil, fmt.Errorf("%s is nested more than %d deep", name, maxHops)
		}
		if p.options.SubjectClaim != "sub" && lookup(act, p.options.SubjectClaim) == nil {
			return nil, fmt.Errorf("%s has no %s", name, p.options.SubjectClaim)
		}
		a, err := p.party(act)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if iss, ok := act["iss"]; ok {
			if a.Issuer, ok = iss.(string); !ok {
				return nil, fmt.Errorf("%s: iss is no string", name)
			}
			if err := named("iss", a.Issuer); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if len(a.kinds) == 0 {
			// An actor is somebody's instrument. Policies tighten on "agent", so that is what the unknown one is.
			a.kinds, a.Kind = []string{identity.KindAgent}, identity.KindAgent
		}
		actors = append(actors, a)
		v = act[name]
	}
	return actors, nil
}

// lookup finds a claim by its name, or else by its path.
func lookup(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	for {
		first, rest, ok := strings.Cut(name, ".")
		if !ok {
			return claims[name]
		}
		inner, ok := claims[first].(map[string]any)
		if !ok {
			return nil
		}
		claims, name = inner, rest
	}
}

// names reads a string or an array of strings; nothing is none.
func names(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		if v == "" {
			return nil, nil
		}
		return []string{v}, named("it", v)
	case []any:
		if len(v) > maxGroups {
			return nil, fmt.Errorf("more than %d", maxGroups)
		}
		list := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, errors.New("not all are strings")
			}
			if s == "" {
				continue // some issuers' mappers make them; an empty name is nobody's
			}
			if err := named("one", s); err != nil {
				return nil, err
			}
			list = append(list, s)
		}
		return list, nil
	}
	return nil, errors.New("neither a string nor an array of strings")
}

// named is whether a text can stand for somebody in a record, a notice or a log.
func named(what, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%s is empty", what)
	case len(s) > maxName:
		return fmt.Errorf("%s is longer than %d bytes", what, maxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable):
		return fmt.Errorf("%s has characters that cannot be shown", what)
	}
	return nil
}

// unprintable are control characters, line ends, and what turns or hides the text around it.
func unprintable(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }

// plain copies a claim's value as a policy may see it: bounded, numbers as int64 where they are whole, else float64.
func plain(v any, depth int) (any, error) {
	if depth == 0 {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		if len(v) > maxText {
			return nil, fmt.Errorf("longer than %d bytes", maxText)
		}
		return v, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	case []any:
		if len(v) > maxItems {
			return nil, fmt.Errorf("more than %d items", maxItems)
		}
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = plain(v[i], depth-1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		if len(v) > maxItems {
			return nil, fmt.Errorf("more than %d items", maxItems)
		}
		object := make(map[string]any, len(v))
		for k := range v {
			var err error
			if object[k], err = plain(v[k], depth-1); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return nil, fmt.Errorf("of type %T", v)
}
