package recorded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sluice.dev/proxy/audit"
)

// ErrNone is that the log has no decision of that name.
var ErrNone = errors.New("no such decision")

// none is an ErrNone with its own text.
type none string

func (n none) Error() string { return string(n) }
func (n none) Unwrap() error { return ErrNone }

// Find finds the decision about a command in the log in dir: by the command's
// id as a client reads it, by a ticket, or by the number of a record as audit
// show prints it. Of a command that was held and then ran it is the hold. The
// whole log is read.
func Find(dir, id string) (*audit.Entry, error) {
	f := newFinder(id)
	if err := audit.ScanFrom(dir, f.from(1), f.look(context.Background(), 0)); err != nil {
		return nil, err
	}
	return f.result("the log in " + dir)
}

// step is how many records are read at once, backwards from the log's head.
const step = 1 << 16

// FindLatest is Find among the latest records of a log that is being written,
// the newest first: head is its size, limit how many records are looked at.
func FindLatest(ctx context.Context, dir, id string, head, limit uint64) (*audit.Entry, error) {
	f := newFinder(id)
	if f.numbered {
		if err := audit.ScanFrom(dir, f.from(1), f.look(ctx, 0)); err != nil {
			return nil, err
		}
		return f.result("the log")
	}
	// What was held and then ran has its hold further back: one step more is
	// looked at for it.
	for end, more := head, true; end > 0 && head-end < limit && more; {
		begin := end - min(end, step)
		had := f.found != nil
		if err := audit.ScanFrom(dir, audit.Seq(begin+1), f.look(ctx, end)); err != nil {
			return nil, err
		}
		more = f.found == nil || !had && f.found.Decision.Verdict == audit.Allow && f.found.Decision.Ticket != ""
		end = begin
	}
	return f.result(fmt.Sprintf("the latest %d records", min(head, limit)))
}

type finder struct {
	id, ticket string
	numbered   bool
	number     uint64
	found      *audit.Entry
}

func newFinder(id string) *finder {
	f := &finder{id: id, ticket: strings.ToUpper(id)}
	if n, err := strconv.ParseUint(id, 10, 62); err == nil {
		f.number, f.numbered = n, true
	}
	return f
}

// from is where to begin: record n is number n-1.
func (f *finder) from(first audit.Seq) audit.Seq {
	if f.numbered {
		return audit.Seq(f.number + 1)
	}
	return first
}

// look reads records up to number end, 0: all.
func (f *finder) look(ctx context.Context, end uint64) func(audit.Seq, []byte) error {
	id, ticket := []byte(f.ticket), []byte(`"`+f.ticket+`"`)
	done := false // an earlier step's find gives way to one that says more
	return func(s audit.Seq, raw []byte) error {
		if done || end > 0 && uint64(s) > end {
			return audit.ErrStop
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !f.numbered && !bytes.Contains(raw, id) && !bytes.Contains(raw, ticket) {
			return nil
		}
		e, err := audit.Decode(s, raw)
		switch {
		case err != nil:
			return err
		case f.numbered:
			f.found = e
			return audit.ErrStop
		case !Decided(e) || !strings.EqualFold(e.Command, f.id) && e.Decision.Ticket != f.ticket:
			return nil
		}
		if f.found == nil || e.Decision.Verdict != audit.Allow {
			f.found = e
		}
		done = e.Decision.Verdict != audit.Allow // of the same command, a hold or a refusal says more
		return nil
	}
}

func (f *finder) result(where string) (*audit.Entry, error) {
	switch {
	case f.found == nil:
		return nil, none(fmt.Sprintf("no decision about %s in %s: give a command's id, a ticket, or a record's number", f.id, where))
	case !Decided(f.found):
		return nil, none(fmt.Sprintf("record %s is %s, and no decision about a command", f.id, f.found.Event))
	}
	return f.found, nil
}
