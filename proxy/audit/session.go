package audit

import "sync"

// SessionCounter numbers the records of one session without a gap: a number is
// used up only when the log took the record. Records of one session must go
// through one counter, or be numbered by their caller in the order of Append.
type SessionCounter struct {
	mu   sync.Mutex
	last uint64
}

// Append numbers the record and appends it to the log.
func (c *SessionCounter) Append(l *Log, r *Record) (Seq, error) { return c.take(l.Append, r) }

// Grouped is Append for a record that may ride with the next batch.
func (c *SessionCounter) Grouped(l *Log, r *Record) (Seq, error) { return c.take(l.Grouped, r) }

func (c *SessionCounter) take(add func(*Record) (Seq, error), r *Record) (Seq, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.SessionSeq = c.last + 1
	s, err := add(r)
	if err == nil {
		c.last++
	}
	return s, err
}
