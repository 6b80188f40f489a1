package console

import (
	"context"
	"errors"
	"iter"
	"time"

	"sluice.dev/proxy/gate/recorded"
	"sluice.dev/proxy/identity"
)

// Backend is the running gateway as approvers, operators and auditors see it. The console and the HTTP API share it.
// It is the authority: it decides again who may do a thing, whatever a page offered, and it records each use.
// Every method is safe for concurrent use, and returns an error that is one of the kinds below.
type Backend interface {
	// Holds returns the holds that match, newest first.
	Holds(ctx context.Context, f Filter) ([]Hold, error)
	Hold(ctx context.Context, ticket string) (Hold, error)
	// Approve and Deny return when the decision is durable.
	Approve(ctx context.Context, ticket string, by *identity.Principal, reason string) error
	Deny(ctx context.Context, ticket string, by *identity.Principal, reason string) error

	// Sessions returns the open sessions and the latest closed ones, newest first.
	Sessions(ctx context.Context) ([]Session, error)
	// Kill ends a session at once: nothing more of it is forwarded.
	Kill(ctx context.Context, id string, by *identity.Principal, reason string) error
	// Replay reads a session's recording, verified against the log while it is read. An error ends the sequence:
	// what came before it is good. ErrOpenEnd is no fault: there is no more yet.
	Replay(ctx context.Context, id string, by *identity.Principal) (iter.Seq2[Frame, error], error)

	Status(ctx context.Context) (Status, error)
	// Reload compiles the configuration anew and swaps it in. On an error the old generation stays.
	Reload(ctx context.Context, by *identity.Principal) error

	// Decisions are the latest decided commands that match, newest first.
	Decisions(ctx context.Context, f recorded.Filter) ([]recorded.Summary, error)
	// Explain says why a command was decided as it was: by its id, its ticket, or its record's number.
	Explain(ctx context.Context, id string) (*recorded.Account, error)
	// Shadows counts what policies in shadow mode would have done, one of them or all (""), since a time or as far back
	// as the backend reads.
	Shadows(ctx context.Context, policy string, since time.Time) (recorded.ShadowReport, error)

	// Used records that somebody logged in or looked at something: nothing is shown unless it is recorded.
	Used(ctx context.Context, u Use) error
	// Subscribe returns a channel that tells of changes until ctx ends, when the channel is closed. A subscriber that
	// does not keep up misses changes and gets one of kind ChangeAll instead.
	Subscribe(ctx context.Context) <-chan Change
}

// The kinds of a Backend's errors; test with errors.Is. Their text is shown to the user as it stands.
var (
	ErrNotFound    = errors.New("not found")
	ErrForbidden   = errors.New("not allowed")
	ErrConflict    = errors.New("too late")    // decided, expired or withdrawn meanwhile
	ErrInvalid     = errors.New("invalid")     // a broken configuration, a missing reason
	ErrUnavailable = errors.New("unavailable") // the log, the state or the identity provider is gone
)

// ErrOpenEnd ends the replay of a recording that has no end in the log: its session goes on, or the gateway was stopped
// during it.
var ErrOpenEnd = errors.New("the recording has no end: the session goes on, or the gateway was stopped during it")

// Filter selects holds. The zero value selects all, up to the backend's own limit.
type Filter struct {
	States     []State
	Connection string
	Session    string
	Limit      int // 0: the backend's default
}

// State is where a hold stands.
type State string

// The states of a hold (DESIGN, Holds), and Broken for one that the ledger cannot read.
const (
	Pending   State = "pending"
	Approved  State = "approved"
	Denied    State = "denied"
	Expired   State = "expired"
	Withdrawn State = "withdrawn"
	Claimed   State = "claimed"
	Done      State = "done"
	Unknown   State = "unknown"
	Broken    State = "broken"
)

// States are all of them, in the order of a hold's life.
func States() []State {
	return []State{Pending, Approved, Denied, Expired, Withdrawn, Claimed, Done, Unknown, Broken}
}

// Hold is a command that waits, or waited, for approval. Command and Parameters are redacted by the gate.
type Hold struct {
	Ticket      string   `json:"ticket"`
	State       State    `json:"state"`
	Requester   Party    `json:"requester"`
	Client      Client   `json:"client"`
	Session     string   `json:"session"`
	Connection  string   `json:"connection"`
	Protocol    string   `json:"protocol"`
	Database    string   `json:"database,omitempty"`
	Role        string   `json:"role,omitempty"`
	Description string   `json:"description"` // "DELETE on public.customers"
	Command     string   `json:"command"`
	Parameters  []string `json:"parameters,omitempty"`
	Risk        int      `json:"risk,omitempty"`
	// Labels are the connection's, Classes those that plugins gave the command.
	Labels        map[string]string `json:"labels,omitempty"`
	Classes       []string          `json:"classes,omitempty"`
	InTransaction bool              `json:"in_transaction"`
	Reasons       []Reason          `json:"reasons"`
	Approvals     []Approval        `json:"approvals"`
	Waiters       int               `json:"waiters"` // clients that wait in their connection now
	Created       time.Time         `json:"created"`
	Expires       time.Time         `json:"expires"`
	Decided       time.Time         `json:"decided,omitzero"`
	Outcome       string            `json:"outcome,omitempty"` // of the command: committed, rolled back, error, unknown
	Digest        string            `json:"digest"`            // of the action
	Generation    string            `json:"generation"`
}

// Reason is why a policy holds a command.
type Reason struct {
	Policy   string `json:"policy"`
	Approval string `json:"approval"`
	Text     string `json:"text"`
}

// Approval is one approval block that the hold must satisfy, and how far it is.
type Approval struct {
	Name      string   `json:"name"`
	Approvers []string `json:"approvers"` // groups
	Required  int      `json:"required"`
	Self      string   `json:"self"` // deny or human
	Votes     []Vote   `json:"votes"`
}

// Vote is what one approver said.
type Vote struct {
	Subject string    `json:"subject"`
	Issuer  string    `json:"issuer"`
	Display string    `json:"display,omitempty"`
	Approve bool      `json:"approve"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// Party is a principal as a page may show it: without claims.
type Party struct {
	Subject string         `json:"subject"`
	Issuer  string         `json:"issuer"`
	Display string         `json:"display,omitempty"`
	Kinds   []string       `json:"kinds"`
	Chain   []identity.Hop `json:"chain"`
}

// PartyOf leaves out of a principal what no page shows.
func PartyOf(p *identity.Principal) Party {
	return Party{Subject: p.Subject, Issuer: p.Issuer, Display: p.Display, Kinds: p.Kinds, Chain: p.Chain}
}

// Client is what a session's client says of itself, and where it calls from.
type Client struct {
	Address     string `json:"address"`
	Application string `json:"application,omitempty"`
	User        string `json:"user,omitempty"`
}

// Session is one client's use of one connection.
type Session struct {
	ID         string    `json:"id"`
	Principal  Party     `json:"principal"`
	Client     Client    `json:"client"`
	Connection string    `json:"connection"`
	Protocol   string    `json:"protocol"`
	Database   string    `json:"database,omitempty"`
	Started    time.Time `json:"started"`
	Ends       time.Time `json:"ends,omitzero"`  // at the latest: the login's expiry or limits.session
	Ended      time.Time `json:"ended,omitzero"` // zero: it is open
	Reason     string    `json:"reason,omitempty"`
	Commands   int64     `json:"commands"`
	Denied     int64     `json:"denied"`
	Held       string    `json:"held,omitempty"` // ticket it waits for
	Recorded   bool      `json:"recorded"`
	Generation string    `json:"generation"`
}

// Frame is one event of a recording.
type Frame struct {
	Offset  time.Duration `json:"offset"` // since the session's start, nanoseconds
	Kind    string        `json:"kind"`   // statement, columns, row, complete, error, notice, hold, elided …
	Command string        `json:"command,omitempty"`
	Text    string        `json:"text,omitempty"`
	Cells   []string      `json:"cells,omitempty"`
	Nulls   []bool        `json:"nulls,omitempty"` // which cells are NULL; absent: none
}

// Status is how the gateway is.
type Status struct {
	Gateway     string    `json:"gateway"`
	Version     string    `json:"version"`
	Started     time.Time `json:"started"`
	Generation  string    `json:"generation"`
	Loaded      time.Time `json:"loaded"`
	ReloadError string    `json:"reload_error,omitempty"` // of the latest try, with file, line and source
	ReloadTried time.Time `json:"reload_tried,omitzero"`
	Development bool      `json:"development"`
	Ready       bool      `json:"ready"`
	NotReady    string    `json:"not_ready,omitempty"` // why
	LogOrigin   string    `json:"log_origin,omitempty"`
	LogHead     uint64    `json:"log_head"`    // records appended
	LogDurable  uint64    `json:"log_durable"` // records on disk
	LogError    string    `json:"log_error,omitempty"`
	Sessions    int       `json:"sessions"`
	Pending     int       `json:"pending"`
	Quarantined []string  `json:"quarantined,omitempty"` // plugins that failed too often, and wait for a reload
}

// Use is one look at, or log-in to, the gateway's own pages.
type Use struct {
	Action string // console.login, console.logout, holds.list, holds.show, sessions.list, status, events …
	Object string // a ticket or a session id, or ""
	Via    string // console, api or socket
	From   string // the caller's address, or "socket"
	By     *identity.Principal
	Denied string // why it was refused, or ""
}

// ChangeKind says what changed.
type ChangeKind string

// The kinds of change.
const (
	ChangeHold       ChangeKind = "hold"
	ChangeSession    ChangeKind = "session"
	ChangeGeneration ChangeKind = "generation"
	ChangeHealth     ChangeKind = "health"
	ChangeAll        ChangeKind = "all" // some changes were missed: look at everything
)

// Change says that something is not as it was; ID is its ticket or session, or "" for any of the kind.
type Change struct {
	Kind ChangeKind `json:"kind"`
	ID   string     `json:"id,omitempty"`
}
