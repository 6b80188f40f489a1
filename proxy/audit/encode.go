package audit

import (
	"strconv"
	"time"
)

// stamp is what the log adds to a record.
type stamp struct {
	origin string
	now    time.Time
	mono   int64    // microseconds since the log was opened
	elided oversize // set when the record had to be shortened
}

// oversize names the object that holds a record in full, unless it was larger
// than MaxObject.
type oversize struct {
	object string
	size   int64
}

// appendRecord appends the canonical form. The keys are written in their
// sorted order; TestEncodeAgainstJCS holds that against another
// implementation.
func appendRecord(b []byte, r *Record, s *stamp) ([]byte, error) {
	w := writer{b: b}
	w.open()
	w.action(&r.Action)
	w.approval(&r.Approval)
	w.client(&r.Client)
	w.str(`"command":`, r.Command)
	w.config(&r.Config)
	w.connection(&r.Connection)
	w.decision(&r.Decision)
	w.stringMap(`"detail":`, r.Detail)
	if s.elided.size > 0 {
		w.key(`"elided":`)
		w.open()
		w.str(`"object":`, s.elided.object)
		w.integer(`"size":`, s.elided.size)
		w.close()
	}
	if r.Event == "" {
		w.fail("a record has no event")
	}
	w.str(`"event":`, r.Event)
	w.str(`"log":`, s.origin)
	w.key(`"mono":`)
	w.b = strconv.AppendInt(w.b, s.mono, 10)
	w.principal(`"principal":`, &r.Principal)
	w.recording(&r.Recording)
	w.result(&r.Result)
	w.str(`"session":`, r.Session)
	if r.SessionSeq > maxInteger {
		w.fail("session_seq is beyond 2^53")
	}
	w.integer(`"session_seq":`, int64(r.SessionSeq))
	if r.Time.IsZero() {
		w.time(`"time":`, s.now)
	} else {
		w.time(`"time":`, r.Time)
	}
	w.b = append(w.b, `,"v":1}`...)
	return w.b, w.err
}

func (w *writer) action(a *Action) {
	if a.empty() {
		return
	}
	w.key(`"action":`)
	w.open()
	w.str(`"class":`, a.Class)
	w.list(`"columns":`, a.Columns)
	w.key(`"complete":`)
	w.b = strconv.AppendBool(w.b, a.Complete)
	w.str(`"digest":`, a.Digest)
	w.str(`"facts":`, a.FactsKept)
	w.str(`"facts_object":`, a.FactsObject)
	w.list(`"filters":`, a.Filters)
	w.str(`"fingerprint":`, a.Fingerprint)
	w.list(`"flags":`, a.Flags)
	w.list(`"functions":`, a.Functions)
	if a.InTransaction {
		w.key(`"in_transaction":true`)
	}
	w.list(`"labels":`, a.Labels)
	w.list(`"operations":`, a.Operations)
	w.list(`"own":`, a.Own)
	w.integer(`"parameters":`, a.Parameters)
	w.said(a.Plugins)
	w.list(`"reads":`, a.Reads)
	w.str(`"resolved":`, a.Resolved)
	w.integer(`"risk":`, a.Risk)
	w.str(`"text":`, a.Text)
	w.str(`"text_object":`, a.TextObject)
	w.integer(`"text_size":`, a.TextSize)
	w.list(`"writes":`, a.Writes)
	w.close()
}

func (a *Action) empty() bool {
	return a.Class == "" && !a.Complete && a.Digest == "" && a.Fingerprint == "" && len(a.Flags) == 0 &&
		len(a.Functions) == 0 && len(a.Labels) == 0 && len(a.Operations) == 0 && a.Parameters == 0 &&
		len(a.Reads) == 0 && a.Resolved == "" && a.Risk == 0 && a.Text == "" && a.TextObject == "" &&
		a.TextSize == 0 && len(a.Writes) == 0 && len(a.Plugins) == 0 && a.FactsObject == "" &&
		len(a.Columns) == 0 && len(a.Filters) == 0 && len(a.Own) == 0 && !a.InTransaction && a.FactsKept == ""
}

func (w *writer) said(list []Said) {
	if len(list) == 0 {
		return
	}
	w.key(`"plugins":[`)
	for i := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		s := &list[i]
		w.open()
		if s.Clock {
			w.key(`"clock":true`)
		}
		w.str(`"input":`, s.Input)
		w.list(`"labels":`, s.Labels)
		w.str(`"module":`, s.Module)
		w.str(`"output":`, s.Output)
		w.str(`"plugin":`, s.Plugin)
		w.str(`"reason":`, s.Reason)
		w.integer(`"risk":`, s.Risk)
		w.close()
	}
	w.b = append(w.b, ']')
}

func (w *writer) approval(a *Approval) {
	at := w.begin(`"approval":`)
	w.str(`"action_digest":`, a.ActionDigest)
	w.principal(`"approver":`, &a.Approver)
	w.time(`"expires":`, a.Expires)
	w.str(`"name":`, a.Name)
	w.str(`"reason":`, a.Reason)
	w.integer(`"required":`, a.Required)
	w.str(`"self":`, a.Self)
	w.str(`"state":`, a.State)
	w.str(`"ticket":`, a.Ticket)
	w.end(at)
}

func (w *writer) client(c *Client) {
	at := w.begin(`"client":`)
	w.str(`"address":`, c.Address)
	w.str(`"application":`, c.Application)
	w.str(`"tls":`, c.TLS)
	w.str(`"user":`, c.User)
	w.end(at)
}

func (w *writer) config(c *Config) {
	at := w.begin(`"config":`)
	w.str(`"generation":`, c.Generation)
	w.stringMap(`"objects":`, c.Objects)
	w.end(at)
}

func (w *writer) connection(c *Connection) {
	at := w.begin(`"connection":`)
	w.str(`"address":`, c.Address)
	w.str(`"credential":`, c.Credential)
	w.str(`"database":`, c.Database)
	w.str(`"name":`, c.Name)
	w.str(`"protocol":`, c.Protocol)
	w.str(`"role":`, c.Role)
	w.end(at)
}

func (w *writer) decision(d *Decision) {
	at := w.begin(`"decision":`)
	w.str(`"hint":`, d.Hint)
	w.list(`"masks":`, d.Masks)
	w.list(`"policies":`, d.Policies)
	w.list(`"reasons":`, d.Reasons)
	w.list(`"shadow":`, d.Shadow)
	w.str(`"ticket":`, d.Ticket)
	w.str(`"verdict":`, d.Verdict)
	w.end(at)
}

func (w *writer) principal(lit string, p *Principal) {
	at := w.begin(lit)
	if len(p.Chain) > 0 {
		w.key(`"chain":[`)
		for i := range p.Chain {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			h := &p.Chain[i]
			w.open()
			w.list(`"groups":`, h.Groups)
			w.str(`"issuer":`, h.Issuer)
			w.str(`"kind":`, h.Kind)
			w.str(`"proof":`, h.Proof)
			w.str(`"subject":`, h.Subject)
			w.close()
		}
		w.b = append(w.b, ']')
	}
	w.stringMap(`"claims":`, p.Claims)
	w.list(`"groups":`, p.Groups)
	w.str(`"issuer":`, p.Issuer)
	w.list(`"kinds":`, p.Kinds)
	w.str(`"subject":`, p.Subject)
	w.str(`"token_id":`, p.TokenID)
	w.end(at)
}

func (w *writer) recording(r *Recording) {
	at := w.begin(`"recording":`)
	w.integer(`"bytes":`, r.Bytes)
	w.integer(`"chunk":`, r.Chunk)
	w.integer(`"elided":`, r.Elided)
	w.integer(`"events":`, r.Events)
	w.str(`"id":`, r.ID)
	w.str(`"sha256":`, r.SHA256)
	w.end(at)
}

func (w *writer) result(r *Result) {
	at := w.begin(`"result":`)
	w.integer(`"bytes_in":`, r.BytesIn)
	w.integer(`"bytes_out":`, r.BytesOut)
	w.str(`"code":`, r.Code)
	w.integer(`"duration_us":`, r.DurationUS)
	w.str(`"effect":`, r.Effect)
	w.integer(`"masked":`, r.Masked)
	w.str(`"message":`, r.Message)
	w.str(`"outcome":`, r.Outcome)
	w.integer(`"rows":`, r.Rows)
	t := &r.Timing
	inner := w.begin(`"timing":`)
	w.integer(`"audit":`, t.Audit)
	w.integer(`"hold":`, t.Hold)
	w.integer(`"parse":`, t.Parse)
	w.integer(`"plugin":`, t.Plugin)
	w.integer(`"policy":`, t.Policy)
	w.integer(`"upstream":`, t.Upstream)
	w.end(inner)
	w.end(at)
}

// part remembers where an object began, so that an empty one can be taken back.
type part struct{ before, inside int }

func (w *writer) begin(lit string) part {
	before := len(w.b)
	w.key(lit)
	w.open()
	return part{before, len(w.b)}
}

func (w *writer) end(p part) {
	if len(w.b) == p.inside {
		w.b = w.b[:p.before]
		return
	}
	w.close()
}
