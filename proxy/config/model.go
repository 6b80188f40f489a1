// Package config reads the gateway's configuration: HCL files into a typed,
// checked Config whose parts remember where they were written. It knows nothing
// of what runs; proxy/generation turns the blocks into each room's own options.
//
// CONTRACT 2 names the blocks and attributes. Every attribute, its kind and its
// default are in the types here and in their layout methods, which Load, Redacted
// and Compare share.
package config

import (
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Config is one whole configuration, merged from its files. It does not change
// once loaded.
type Config struct {
	Gateway     Gateway
	Listeners   []*Listener
	Identities  []*Identity
	Connections []*Connection
	Plugins     []*Plugin
	Policies    []*Policy
	Masks       []*Mask
	Approvals   []*Approval
	Audit       Audit
	State       State
	Console     *Console // nil: none
	Limits      Limits
	Reload      Reload

	// Warnings are what is allowed and probably not meant.
	Warnings []Diagnostic

	sources *sources
}

// Gateway is the block gateway.
type Gateway struct {
	Pos Pos
	// Name is in records, metrics and error texts; "sluice".
	Name string
	// DataDir keeps audit log, recordings, state and the admin socket; "./data"
	// beside the first file.
	DataDir Path
	// MaskKey is for hash and pseudonym; nil: one is made in DataDir.
	MaskKey *SecretRef
	// Development allows unpinned plugins and the like.
	Development bool
}

// Listener is a block listener.
type Listener struct {
	Pos            Pos
	Protocol, Name string
	// Address is host:port. Address of plain text must be on loopback.
	Address string
	// Connection is the one of a client that names none; "".
	Connection string
	TLS        ListenerTLS
}

// ListenerTLS is a listener's block tls. Either both files are set or Insecure.
type ListenerTLS struct {
	Pos               Pos
	CertFile, KeyFile Path
	Insecure          bool
}

// Identity is a block identity "oidc". The attributes are those of
// proxy/identity/oidc.
type Identity struct {
	Pos        Pos
	Kind, Name string
	Issuer     string
	Audiences  []string
	// Claims by name: "sub", "groups", "name", "" and "act".
	SubjectClaim, GroupsClaim, DisplayClaim, KindClaim, ActorClaim string
	// Kinds translates values of KindClaim; empty: they are kinds as they are.
	Kinds map[string]string
	// Claims are those that policies may read; none.
	Claims []string
	// Skew of the clocks; 30s.
	Skew time.Duration
	// CAFile verifies the issuer's certificate; the system's roots.
	CAFile Path
}

// Connection is a block connection.
type Connection struct {
	Pos            Pos
	Protocol, Name string
	// Address is host:port; the port defaults to the protocol's.
	Address  string
	Database string // the connection's name
	User     string
	Password *SecretRef // nil: by certificate, or trusted
	Labels   map[string]string
	TLS      ConnectionTLS
	Postgres Postgres
	Redis    Redis
	Pool     *Pool // nil: none
}

// ConnectionTLS is a connection's block tls.
type ConnectionTLS struct {
	Pos Pos
	// Mode is verify-full (the default), verify-ca, require or disable.
	Mode              string
	CAFile            Path // the system's roots
	CertFile, KeyFile Path // the gateway's own certificate
	ServerName        string
	// Insecure is "accepted" where plain text leaves the machine.
	Insecure string
}

// Postgres is a connection's block postgres.
type Postgres struct {
	Pos Pos
	// Databases are those that a client may ask for besides Database.
	Databases []string
	// Lineage is server or strict.
	Lineage string
	// ServerLog is silent (the default) or accepted.
	ServerLog string
	// Driver is plain (the default) or loop.
	Driver string
}

// Redis is a connection's block redis.
type Redis struct {
	Pos Pos
	// Databases are those that a client may SELECT besides Database, by number.
	Databases []string
}

// Pool is a connection's block pool: warm upstream connections.
type Pool struct {
	Pos  Pos
	Size int           // most kept; 8
	Idle time.Duration // an unused one is closed after; 5m
}

// Plugin is a block plugin.
type Plugin struct {
	Pos    Pos
	Name   string
	Module Path
	// SHA256 pins the file, in lower-case hex; "" only with SignedBy or
	// Unpinned.
	SHA256 string
	// SignedBy is the file of the public key that must have signed the module.
	SignedBy Path
	Unpinned bool
	Grants   []string
	// Settings as the plugin reads them; JSON, "{}" when absent.
	Settings []byte
	Limits   PluginLimits

	settings cty.Value
	pin      string
	written  []field // where each attribute stands
}

// PluginLimits is a plugin's block limits; 0 where it says nothing, and the
// plugin has the default (sdk/ABI.md 8).
type PluginLimits struct {
	Pos       Pos
	Fuel      int  // of one call; 10 million, about a millisecond
	StartFuel int  // of instantiation, _initialize, manifest and configure, each; 500 million
	Memory    Size // of an instance; 32 MiB
	CallDepth int  // calls inside each other; 2,000
}

// Policy is a block policy: it evaluates data.<Name>.
type Policy struct {
	Pos       Pos
	Name      string
	Path      Path // a file or a directory
	Shadow    bool
	AppliesTo map[string]string

	mode string
}

// Mask is a block mask. Either Columns or Plugin is set.
type Mask struct {
	Pos       Pos
	Name      string
	AppliesTo map[string]string
	Columns   []string // schema.table.column
	Plugin    string
	Action    string
	Except    []string
	// Scope of pseudonyms: session (the default), connection or gateway.
	Scope string
}

// Approval is a block approval.
type Approval struct {
	Pos       Pos
	Name      string
	Approvers []string
	Required  int           // 1
	Self      string        // deny (the default) or human
	Mode      string        // wait-then-ticket (the default), wait or ticket
	Wait      time.Duration // 0: what the protocol's clients bear
	Expires   time.Duration // 15m
	TxWait    time.Duration // 10s
}

// Audit is the block audit.
type Audit struct {
	Pos            Pos
	SigningKey     *SecretRef    // nil: one is made in the data directory
	Checkpoint     time.Duration // 1s
	RedactLiterals string        // protected (the default) or all
}

// State is the block state "file".
type State struct {
	Pos  Pos
	Kind string // file
	Path Path   // state.db in the data directory
}

// Console is the block console.
type Console struct {
	Pos          Pos
	URL          string
	Identity     string
	ClientID     string
	ClientSecret *SecretRef // nil: PKCE alone
	Auditors     []string
	Operators    []string
}

// Limits is the block limits.
type Limits struct {
	Pos             Pos
	Statement       Size          // of one command's text; 1MiB
	Message         Size          // of one protocol message; 64MiB
	HoldsPerSession int           // 8
	Session         time.Duration // a session's life; 8h
	Transaction     time.Duration // how long an open transaction may delay a session's end; 5m
}

// Reload is the block reload.
type Reload struct {
	Pos Pos
	// Watch reloads when a file that the configuration names changes; true.
	Watch bool

	requireApproval int
}

// AppliesTo is whether a block with these labels concerns a connection: each
// label must be there with that value. Without labels it concerns every one.
func AppliesTo(want, labels map[string]string) bool {
	for k, v := range want {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}
