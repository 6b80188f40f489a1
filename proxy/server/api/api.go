// Package api is the gateway's own HTTP API, /api/v1/…: what `sluice holds`, `approve`, `sessions` and `reload` speak,
// over the admin socket or with a bearer token, and the client for it. Its words are those of the console package.
// Errors are problem+json (RFC 9457).
package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/gate/recorded"
)

// Prefix is where the API is mounted.
const Prefix = "/api/v1/"

// maxBody bounds a request's body, in bytes.
const maxBody = 16 << 10

// HoldList is the answer to GET holds.
type HoldList struct {
	Holds []console.Hold `json:"holds"`
}

// SessionList is the answer to GET sessions.
type SessionList struct {
	Sessions []console.Session `json:"sessions"`
}

// DecisionList is the answer to GET decisions.
type DecisionList struct {
	Decisions []recorded.Summary `json:"decisions"`
}

// Reason is the body of approve, deny and kill.
type Reason struct {
	Reason string `json:"reason"`
}

// ReplayLine is one line of GET sessions/{id}/replay (application/x-ndjson): a frame, or in the last line an error or
// the end. A stream without a last line was cut off.
type ReplayLine struct {
	Frame *console.Frame `json:"frame,omitempty"`
	Error string         `json:"error,omitempty"`
	End   bool           `json:"end,omitempty"`
	Open  bool           `json:"open,omitempty"` // the recording itself has no end (yet); with End
}

// Kind is what a problem is about, stable for programs.
type Kind string

// The kinds of problem, and the HTTP status of each.
const (
	KindUnauthorized Kind = "unauthorized" // 401: no good token
	KindForbidden    Kind = "forbidden"    // 403
	KindNotFound     Kind = "not-found"    // 404
	KindConflict     Kind = "conflict"     // 409: decided or expired meanwhile
	KindInvalid      Kind = "invalid"      // 422, and 4xx of requests that are wrong in themselves
	KindUnavailable  Kind = "unavailable"  // 503
	KindInternal     Kind = "internal"     // 500
)

// Problem is an error of the API, RFC 9457.
type Problem struct {
	Type   string `json:"type"` // "about:blank": the status says it
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Kind   Kind   `json:"kind"`
}

func (p *Problem) Error() string { return p.Detail }

func problem(status int, kind Kind, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Kind: kind}
}

func (p *Problem) write(w http.ResponseWriter) {
	b, err := json.Marshal(p)
	if err != nil {
		b = []byte(`{"type":"about:blank","status":500}`)
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice"`) // RFC 6750 §3
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}

// TicketOf checks a ticket's shape before it goes into a path: letters, digits and dashes. It is not case-sensitive.
func TicketOf(s string) (string, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	if s == "" || len(s) > 40 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		return "", fmt.Errorf("%q is not a ticket; one looks like HX4K-2Q", s)
	}
	return s, nil
}
