// Package protocoltest is the list of things that every protocol of the gateway
// must do alike. A protocol hands Run a table: how to start a gateway in front
// of a real resource, and what a few commands look like in its own bytes.
package protocoltest

import (
	"bytes"
	"strings"
	"testing"

	"sluice.dev/proxy/plugin/plugintest"
)

// Protocol is one protocol's table. Commands are the bytes of one whole command
// each, as a client that has logged in sends them.
type Protocol struct {
	// Start starts a gateway, which ends with the test. Its policy allows all,
	// but denies Denied and holds Held; masks hide the Canaries.
	Start func(t *testing.T, d Demand) Gateway

	Read   []byte // changes nothing, and touches nothing that is masked
	Write  []byte // has an effect, see Gateway.Effects
	Denied []byte // would have an effect, and is denied
	Held   []byte // has an effect, and is held for an approval that Gateway can give
	Masked []byte // reads the canaries
	// Oversize is over a limit of the gateway's. It may be cut off: what
	// matters is its announced size.
	Oversize []byte

	// Canaries are what the resource would answer to Masked, in clear.
	Canaries [][]byte
	// Shown is what the client may see of them.
	Shown []byte
	// Normalise takes out of an answer what differs from run to run (numbers of
	// commands, times); nil takes nothing.
	Normalise func([]byte) []byte
}

// Demand is what a gateway is started with, besides what the table says.
type Demand struct {
	// Classifier is a plugin that classifies each command.
	Classifier []byte
}

// Gateway is one that runs.
type Gateway struct {
	// Open logs a client in, through the gateway; Direct, at the resource itself.
	Open, Direct func() Client
	// Approve and Deny decide a ticket, as a person who may.
	Approve, Deny func(ticket string)
	// Kill ends all sessions.
	Kill func()
	// FillDisk makes the audit log fail from now on.
	FillDisk func()
	// Effects counts what Write, Denied and Held have done to the resource.
	Effects func() int
}

// Client is one connection, logged in.
type Client interface {
	// Send sends bytes, as they are.
	Send(b []byte)
	// Answer reads to the end of one command's answer, or of the session.
	Answer() Answer
	// Notice reads to where a held command's client learns of its ticket.
	Notice() (ticket string)
	// Received is all that came since the log-in was complete.
	Received() []byte
	Close()
}

// Answer is the answer to one command.
type Answer struct {
	Refused bool   // by the gateway, in the protocol's own form
	Ended   bool   // the session is over
	Text    string // of the refusal
}

// Run runs the list.
func Run(t *testing.T, p Protocol) {
	if p.Normalise == nil {
		p.Normalise = func(b []byte) []byte { return b }
	}
	s := &suite{Protocol: p}
	plain := p.Start(t, Demand{})
	for _, c := range []struct {
		name string
		f    func(*testing.T, Gateway)
	}{
		{"allow: identical bytes", s.identical},
		{"deny keeps the connection", s.deny},
		{"hold, approve: runs once", s.approve},
		{"hold, deny: never runs", s.denyHeld},
		{"mask: no canary", s.mask},
		{"oversize", s.oversize},
		{"split at every byte", s.split},
		{"kill", s.kill},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.f(t, plain)
			s.serves(t, plain)
		})
	}
	for name, module := range plugintest.Hostile("sluice_classify") {
		t.Run("plugin "+name, func(t *testing.T) { s.plugin(t, p.Start(t, Demand{Classifier: module})) })
	}
	t.Run("plugin is honest", func(t *testing.T) { s.serves(t, p.Start(t, Demand{Classifier: plugintest.Honest("sluice_classify")})) })
	t.Run("audit disk full", func(t *testing.T) { s.full(t, p.Start(t, Demand{})) })
}

type suite struct{ Protocol }

// ask sends one command and reads its answer.
func ask(c Client, command []byte) Answer {
	c.Send(command)
	return c.Answer()
}

// serves checks that the next client is served.
func (s *suite) serves(t *testing.T, g Gateway) {
	t.Helper()
	c := g.Open()
	defer c.Close()
	if a := ask(c, s.Read); a.Refused || a.Ended {
		t.Errorf("the next client is not served: %+v", a)
	}
}

func (s *suite) identical(t *testing.T, g Gateway) {
	through, direct := g.Open(), g.Direct()
	defer through.Close()
	defer direct.Close()
	for _, command := range [][]byte{s.Read, s.Write, s.Read} {
		if a := ask(through, command); a.Refused || a.Ended {
			t.Fatalf("refused: %+v", a)
		}
		ask(direct, command)
	}
	if got, want := through.Received(), direct.Received(); !bytes.Equal(got, want) {
		t.Errorf("through the gateway %q, directly %q", got, want)
	}
}

func (s *suite) deny(t *testing.T, g Gateway) {
	c := g.Open()
	defer c.Close()
	before := g.Effects()
	for range 3 {
		if a := ask(c, s.Denied); !a.Refused || a.Ended || !strings.Contains(a.Text, "denied") {
			t.Fatalf("got %+v", a)
		}
		if a := ask(c, s.Read); a.Refused || a.Ended {
			t.Fatalf("behind a denial: %+v", a)
		}
	}
	if g.Effects() != before {
		t.Error("it took effect")
	}
}

func (s *suite) approve(t *testing.T, g Gateway) {
	c := g.Open()
	defer c.Close()
	before := g.Effects()
	c.Send(s.Held)
	ticket := c.Notice()
	if g.Effects() != before {
		t.Error("it took effect before it was approved")
	}
	g.Approve(ticket)
	if a := c.Answer(); a.Refused || a.Ended {
		t.Fatalf("approved, and %+v", a)
	}
	if n := g.Effects() - before; n != 1 {
		t.Errorf("%d effects", n)
	}
	c.Send(s.Held)
	again := c.Notice()
	if again == ticket {
		t.Error("a ticket counts twice")
	}
	g.Deny(again)
	c.Answer()
	if n := g.Effects() - before; n != 1 {
		t.Errorf("%d effects in the end", n)
	}
}

func (s *suite) denyHeld(t *testing.T, g Gateway) {
	c := g.Open()
	defer c.Close()
	before := g.Effects()
	c.Send(s.Held)
	ticket := c.Notice()
	g.Deny(ticket)
	if a := c.Answer(); !a.Refused || a.Ended || !strings.Contains(a.Text, ticket) {
		t.Errorf("got %+v", a)
	}
	if a := ask(c, s.Read); a.Refused || a.Ended {
		t.Errorf("behind it: %+v", a)
	}
	if g.Effects() != before {
		t.Error("it took effect")
	}
}

// clean checks that no canary has come.
func (s *suite) clean(t *testing.T, c Client) {
	t.Helper()
	for _, canary := range s.Canaries {
		if bytes.Contains(c.Received(), canary) {
			t.Errorf("the client reads %q", canary)
		}
	}
}

func (s *suite) mask(t *testing.T, g Gateway) {
	direct := g.Direct()
	ask(direct, s.Masked)
	for _, canary := range s.Canaries {
		if !bytes.Contains(direct.Received(), canary) {
			t.Fatalf("the resource itself does not answer %q: the test proves nothing", canary)
		}
	}
	direct.Close()
	c := g.Open()
	defer c.Close()
	for range 3 { // what is remembered masks as well
		if a := ask(c, s.Masked); a.Refused || a.Ended {
			t.Fatalf("got %+v", a)
		}
	}
	if !bytes.Contains(c.Received(), s.Shown) {
		t.Errorf("the client does not read %q: %q", s.Shown, c.Received())
	}
	s.clean(t, c)
}

func (s *suite) oversize(t *testing.T, g Gateway) {
	c := g.Open()
	defer c.Close()
	if a := ask(c, s.Oversize); !a.Refused {
		t.Errorf("got %+v", a)
	}
}

func (s *suite) split(t *testing.T, g Gateway) {
	commands := [][]byte{s.Read, s.Masked, s.Denied, s.Read}
	session := bytes.Join(commands, nil)
	play := func(send func(Client)) []byte {
		c := g.Open()
		defer c.Close()
		send(c)
		for range commands {
			if a := c.Answer(); a.Ended {
				t.Fatalf("the session ends: %+v", a)
			}
		}
		s.clean(t, c)
		return s.Normalise(c.Received())
	}
	want := play(func(c Client) { c.Send(session) })
	check := func(how string, got []byte) {
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: got %q, want %q", how, got, want)
		}
	}
	check("a byte at a time", play(func(c Client) {
		for i := range session {
			c.Send(session[i : i+1])
		}
	}))
	for i := 1; i < len(session); i++ {
		check("in two", play(func(c Client) {
			c.Send(session[:i])
			c.Send(session[i:])
		}))
	}
}

func (s *suite) kill(t *testing.T, g Gateway) {
	idle, held := g.Open(), g.Open()
	defer idle.Close()
	defer held.Close()
	before := g.Effects()
	held.Send(s.Held)
	held.Notice()
	g.Kill()
	for name, c := range map[string]Client{"idle": idle, "held": held} {
		if a := c.Answer(); !a.Ended {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if g.Effects() != before {
		t.Error("it took effect")
	}
}

// plugin runs with one that cannot do its work: everything is refused.
func (s *suite) plugin(t *testing.T, g Gateway) {
	c := g.Open()
	defer c.Close()
	before := g.Effects()
	for range 4 { // more often than it takes to put it in quarantine
		for _, command := range [][]byte{s.Read, s.Write, s.Masked, s.Held, s.Denied} {
			if a := ask(c, command); !a.Refused || a.Ended {
				t.Fatalf("got %+v", a)
			}
		}
	}
	if g.Effects() != before {
		t.Error("it took effect")
	}
	s.clean(t, c)
}

func (s *suite) full(t *testing.T, g Gateway) {
	reader, writer := g.Open(), g.Open()
	defer reader.Close()
	defer writer.Close()
	ask(writer, s.Read)
	before, seen := g.Effects(), len(reader.Received())
	g.FillDisk()
	if a := ask(writer, s.Write); !a.Refused && !a.Ended {
		t.Errorf("a write: %+v", a)
	}
	if a := reader.Answer(); !a.Ended && !a.Refused {
		t.Errorf("an idle session: %+v", a)
	}
	if g.Effects() != before {
		t.Error("it took effect")
	}
	if len(s.Shown) > 0 && bytes.Contains(reader.Received()[seen:], s.Shown) {
		t.Error("an answer without a record")
	}
}
