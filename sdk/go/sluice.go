// Package sluice is for writing plugins of the Sluice gateway in Go.
//
// A plugin is a main package that registers itself in an init function:
//
//	func init() {
//		sluice.Register(sluice.Plugin{
//			Manifest: sluice.Manifest{Name: "words", Version: "1.0.0", Kinds: []string{"word"}},
//			Mask:     mask,
//		})
//	}
//
//	func main() {}
//
// and is built with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o words.wasm .
//
// The gateway gives a plugin no clock, no randomness, no files, no network and
// no environment, and ends a call that works for more than about a
// millisecond. The same input must give the same output. What is passed to a
// function is valid until it returns.
package sluice

// Manifest is what a plugin says of itself. What it provides follows from the
// functions of the Plugin.
type Manifest struct {
	Name        string // [a-z0-9][a-z0-9-_.:]*
	Version     string
	Description string
	// Capabilities are what the operator has to grant: "pseudonym", and "log"
	// for Log while data is looked at.
	Capabilities []string
	// Kinds are what findings are of; Edits.Add takes an index into them.
	Kinds []string
	// Reach is the length in bytes of the longest finding; 0 means 1,024.
	Reach int
	// Least is how long in bytes a bound value has to be for the plugin to see
	// it; a shorter one comes as empty. Set it where short values say nothing:
	// the gateway then need not ask again for each value of a statement.
	Least int
	// Settings is the JSON Schema of the settings; empty: there are none.
	Settings string
	// Vectors are self-tests, which the gateway runs before it uses the
	// plugin. See sdk/ABI.md 9 for the form.
	Vectors string
}

// Plugin is what Register takes. Functions that are nil are not provided.
type Plugin struct {
	Manifest Manifest
	// Configure takes the settings, which are valid by the schema. An error's
	// text may begin with the place: “/detectors/1: text”.
	Configure func(settings Value) error
	// Mask looks for what is sensitive.
	Mask func(b *Batch, found *Edits) error
	// Stream looks for what is sensitive in a run of a byte stream. Without it
	// the gateway shows Mask windows of the stream instead, and holds back as
	// many bytes as the manifest's Reach.
	Stream func(r *Run, found *Edits) error
	// Classify gives labels, a risk, a reason and sensitive spans.
	Classify func(c *Command, is *Classification) error
	// Trigger asks for an approval; nil means no.
	Trigger func(c *Command) (*Hold, error)
}

// Hold asks that somebody approves.
type Hold struct {
	Approval string // the name of an approval block
	Reason   string
}

var plugin Plugin

// Register says what the plugin is. Call it once, from an init function.
func Register(p Plugin) { plugin = p }

// Registered returns what was registered, for tests of a plugin.
func Registered() Plugin { return plugin }

// Level of a log line.
type Level int32

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)
