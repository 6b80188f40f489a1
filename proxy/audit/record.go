package audit

import "time"

// Limits of one record.
const (
	MaxRecord = 65535 // bytes of one canonical record: entry bundles count with 16 bits (C2SP tlog-tiles)
	MaxText   = 4096  // bytes of Action.Text kept in the record; the whole goes to an object
)

// The events of a record. A command has two records, its intent and its
// result, linked by the command's id; neither is ever changed.
const (
	CommandIntent = "cmd.intent" // before the command leaves for the resource
	CommandResult = "cmd.result" // how it ended; Result.Outcome says it
	CommandDeny   = "cmd.deny"   // refused, nothing was sent
	CommandHold   = "cmd.hold"   // waits for an approval, nothing was sent yet
	CommandCancel = "cmd.cancel" // withdrawn by the client

	SessionOpen  = "session.open"
	SessionClose = "session.close"
	AuthOK       = "auth.ok"
	AuthFail     = "auth.fail"

	ApprovalRequest = "approval.request"
	ApprovalGrant   = "approval.grant"
	ApprovalDeny    = "approval.deny"
	ApprovalExpire  = "approval.expire"
	ApprovalConsume = "approval.consume"

	ConfigLoad   = "config.load"
	ConfigReject = "config.reject"
	PolicyLoad   = "policy.load"
	PluginLoad   = "plugin.load"
	PluginTrap   = "plugin.trap"
	CredUse      = "cred.use"
	AdminUse     = "admin.use"  // the admin socket, or an operator's click
	AdminRead    = "admin.read" // somebody looked at a recording

	RecordingChunk = "rec.chunk"
	RecordingClose = "rec.close"

	// The log's own.
	LogCreate  = "log.create"
	LogOpen    = "log.open"
	LogRecover = "log.recover"
	LogWarn    = "log.warn"
	LogStop    = "log.stop"
	ClockStep  = "clock.step"
)

// Action.FactsKept.
const (
	FactsWhole = "whole"
	FactsCut   = "cut" // columns or filters were left out, there were so many
)

// Outcomes of a command.
const (
	OK        = "ok"
	Error     = "error"
	Denied    = "denied"
	Cancelled = "cancelled"
	Unknown   = "unknown" // the gateway stopped before it learnt how the command ended
)

// Verdicts of a decision.
const (
	Allow = "allow"
	Deny  = "deny"
	Hold  = "hold"
)

// Record is one entry of the log. Parts that are empty are left out. There is
// no field for a credential, and the texts are the caller's redacted ones.
// The log adds its origin, the format's version and a monotonic clock.
//
// A string that is not UTF-8 is written as {"base64": "…"} in place of a
// string. Integers must be within ±2^53.
type Record struct {
	Event      string    `json:"event"`                 // one of the constants above, or another of the form "a.b"
	Time       time.Time `json:"time"`                  // wall clock, at most a minute before Append; kept in microseconds UTC; zero: now
	Session    string    `json:"session,omitempty"`     // the session's id
	SessionSeq uint64    `json:"session_seq,omitempty"` // 1, 2, 3 … without a gap in each session; 0: not counted
	Command    string    `json:"command,omitempty"`     // the command's id, the same in intent and result

	Principal  Principal         `json:"principal,omitzero"`
	Client     Client            `json:"client,omitzero"`
	Connection Connection        `json:"connection,omitzero"`
	Action     Action            `json:"action,omitzero"`
	Decision   Decision          `json:"decision,omitzero"`
	Result     Result            `json:"result,omitzero"`
	Approval   Approval          `json:"approval,omitzero"`
	Config     Config            `json:"config,omitzero"`
	Recording  Recording         `json:"recording,omitzero"`
	Detail     map[string]string `json:"detail,omitempty"` // what has no field of its own; keys are UTF-8
}

// Principal is who acts, and for whom.
type Principal struct {
	Subject string   `json:"subject,omitempty"`
	Issuer  string   `json:"issuer,omitempty"`
	Groups  []string `json:"groups,omitempty"`
	Kinds   []string `json:"kinds,omitempty"`
	Chain   []Hop    `json:"chain,omitempty"`
	TokenID string   `json:"token_id,omitempty"` // the token's jti, or a digest of it
	// Claims are those that decided: name → JSON.
	Claims map[string]string `json:"claims,omitempty"`
}

// Hop is one link of the chain that a principal acts for. Proof says what the
// link rests on; "asserted" is a claim that nobody proved.
type Hop struct {
	Subject string   `json:"subject,omitempty"`
	Issuer  string   `json:"issuer,omitempty"`
	Kind    string   `json:"kind,omitempty"`
	Proof   string   `json:"proof,omitempty"`
	Groups  []string `json:"groups,omitempty"`
}

// Client is the program at the other end. Application and User are its claims.
type Client struct {
	Address     string `json:"address,omitempty"`
	Application string `json:"application,omitempty"`
	User        string `json:"user,omitempty"`
	TLS         string `json:"tls,omitempty"` // version, or empty for plain text
}

// Connection is the resource. Credential is a handle such as
// "env:ORDERS_PASSWORD", never a value.
type Connection struct {
	Name       string `json:"name,omitempty"`
	Protocol   string `json:"protocol,omitempty"`
	Address    string `json:"address,omitempty"`
	Database   string `json:"database,omitempty"`
	Role       string `json:"role,omitempty"`
	Credential string `json:"credential,omitempty"`
}

// Action is what the command would do. Text is redacted; when it is longer
// than MaxText the log keeps the beginning here, puts the whole into an object
// and fills TextSize and TextObject.
type Action struct {
	Class       string   `json:"class,omitempty"`
	Operations  []string `json:"operations,omitempty"`
	Reads       []string `json:"reads,omitempty"`
	Writes      []string `json:"writes,omitempty"`
	Columns     []string `json:"columns,omitempty"`
	Filters     []string `json:"filters,omitempty"`
	Functions   []string `json:"functions,omitempty"`
	Flags       []string `json:"flags,omitempty"` // those that are true
	Text        string   `json:"text,omitempty"`
	TextSize    int64    `json:"text_size,omitempty"`   // bytes of the whole text; set by the log if it is 0 and the text is cut
	TextObject  string   `json:"text_object,omitempty"` // "sha256:…"
	Parameters  int64    `json:"parameters,omitempty"`
	Digest      string   `json:"digest,omitempty"` // the action digest that an approval is bound to
	Fingerprint string   `json:"fingerprint,omitempty"`
	Complete    bool     `json:"complete"`
	Resolved    string   `json:"resolved,omitempty"`
	Labels      []string `json:"labels,omitempty"`
	Risk        int64    `json:"risk,omitempty"`
	// Own are the protocol's own facts: the name of each that is true, "name=JSON" for names, "name?" for
	// what may hold a value of the command's.
	Own           []string `json:"own,omitempty"`
	InTransaction bool     `json:"in_transaction,omitempty"`
	// FactsKept says whether all that decided is here: FactsWhole, FactsCut, or "" in records that do not say.
	FactsKept string `json:"facts,omitempty"`
	Plugins   []Said `json:"plugins,omitempty"` // what each said that classified the command
	// FactsObject is what plugins read of the parser's facts. The log keeps
	// Facts there, if they are given, and fills it in; who knows their
	// ObjectDigest gives it, and spares the log the hash of each.
	FactsObject string `json:"facts_object,omitempty"` // "sha256:…"
	Facts       []byte `json:"-"`
}

// Said is what one plugin said of a command, and of which input: enough to run
// the module again on it and compare.
type Said struct {
	Plugin string   `json:"plugin,omitempty"` // the block's name
	Module string   `json:"module,omitempty"` // "sha256:…" of its file
	Input  string   `json:"input,omitempty"`  // keyed digest of the exact bytes that the module saw
	Output string   `json:"output,omitempty"` // SHA-256 of all that it answered, spans included
	Labels []string `json:"labels,omitempty"` // as in Action, but this one's alone
	Risk   int64    `json:"risk,omitempty"`
	Reason string   `json:"reason,omitempty"`
	Clock  bool     `json:"clock,omitempty"` // it may have read the clock: another run may answer otherwise
}

// Decision is what was decided, by whom, and why.
type Decision struct {
	Verdict  string   `json:"verdict,omitempty"` // Allow, Deny or Hold
	Policies []string `json:"policies,omitempty"`
	Reasons  []string `json:"reasons,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Ticket   string   `json:"ticket,omitempty"` // an allow with a ticket rests on that ticket's approval
	Masks    []string `json:"masks,omitempty"`
	Shadow   []string `json:"shadow,omitempty"` // what policies in shadow mode would have said
}

// Result is how a command ended.
type Result struct {
	Outcome    string `json:"outcome,omitempty"`
	Code       string `json:"code,omitempty"`    // the protocol's own: SQLSTATE, HTTP status, exit code
	Message    string `json:"message,omitempty"` // as the client saw it, masked
	Effect     string `json:"effect,omitempty"`  // committed, rolled back, unknown
	Rows       int64  `json:"rows,omitempty"`
	BytesIn    int64  `json:"bytes_in,omitempty"`  // from the client
	BytesOut   int64  `json:"bytes_out,omitempty"` // to the client
	Masked     int64  `json:"masked,omitempty"`    // cells changed
	DurationUS int64  `json:"duration_us,omitempty"`
	Timing     Timing `json:"timing,omitzero"`
}

// Timing says where the microseconds went.
type Timing struct {
	Parse    int64 `json:"parse,omitempty"`
	Policy   int64 `json:"policy,omitempty"`
	Plugin   int64 `json:"plugin,omitempty"`
	Hold     int64 `json:"hold,omitempty"`
	Audit    int64 `json:"audit,omitempty"`
	Upstream int64 `json:"upstream,omitempty"`
}

// Approval is one step in the life of a ticket. Verify checks what is filled:
// that grant, consumption and intent name one action digest, that nobody in
// the requester's chain approved, that the time had not passed, that a ticket
// was consumed once.
type Approval struct {
	Ticket       string    `json:"ticket,omitempty"`
	Name         string    `json:"name,omitempty"` // the approval block
	ActionDigest string    `json:"action_digest,omitempty"`
	Approver     Principal `json:"approver,omitzero"`
	Reason       string    `json:"reason,omitempty"`
	State        string    `json:"state,omitempty"`
	Self         string    `json:"self,omitempty"`     // "deny" (also when empty), "human"
	Required     int64     `json:"required,omitempty"` // approvers that this block asks for
	Expires      time.Time `json:"expires,omitzero"`
}

// Config is what was in force: the generation's digest, and objects by name.
type Config struct {
	Generation string            `json:"generation,omitempty"`
	Objects    map[string]string `json:"objects,omitempty"` // name → "sha256:…" as Log.Object returned it
}

// Recording is a chunk of a recording, or its end.
type Recording struct {
	ID     string `json:"id,omitempty"`
	Chunk  int64  `json:"chunk,omitempty"` // from 1; in rec.close the number of chunks
	SHA256 string `json:"sha256,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
	Events int64  `json:"events,omitempty"`
	Elided int64  `json:"elided,omitempty"` // events that were counted but not kept
}
