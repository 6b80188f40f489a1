package policy

import (
	"time"

	"sluice.dev/proxy/identity"
)

// Input is the document that policies decide on, as CONTRACT 3 has it;
// policies/schema/input.json is the authority. Rego sees every key whatever
// is left empty here. A Set does not change an Input and keeps no part of it
// but strings.
type Input struct {
	Principal  *identity.Principal // nil: nobody, in no group
	Connection Connection
	Session    Session
	Command    Command
	Time       time.Time // of the decision; a policy that reads it is not cached
	Generation string
}

// Connection is the resource that the session is about.
type Connection struct {
	Name     string
	Protocol string
	Labels   map[string]string
}

// Session is one client's use of a connection.
type Session struct {
	ID            string
	Client        Client
	InTransaction bool
}

// Client is what the client says of itself, but for the address.
type Client struct {
	Address     string
	Application string
	User        string
}

// Command is what the parser and the plugins know of a command.
type Command struct {
	Protocol    string
	Digest      string // of the text
	Fingerprint string // of the text without its literals
	Complete    bool
	Resolved    string // server, catalog or none
	Operations  []string
	Reads       []string
	Writes      []string
	Columns     []string
	Filters     []string
	Functions   []string
	// Flags that are in the schema and not here are false.
	Flags map[string]bool
	// Own is the protocol's own object, which Rego sees under the protocol's
	// name. Of PostgreSQL's facts those that are not here are true: not known.
	// Values are bool, string, int, int64, float64, json.Number, nil, or
	// []string, []any and map[string]any of such.
	Own              map[string]any
	Parameters       int
	ParameterDigests []string
	Labels           []string
	Risk             int
}

// OperationSession is the only operation of a command that every driver sends
// before it works.
const OperationSession = "session"

// session says that the command does nothing but what OperationSession means.
func (c *Command) session() bool {
	return len(c.Operations) == 1 && c.Operations[0] == OperationSession
}

var nobody = &identity.Principal{}

func (in *Input) principal() *identity.Principal {
	if in.Principal == nil {
		return nobody
	}
	return in.Principal
}
