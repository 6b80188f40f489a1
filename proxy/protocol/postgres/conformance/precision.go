package conformance

import "fmt"

// Precision counts what was masked or refused without need.
type Precision struct {
	Statements, Columns           int
	WronglyRefused, WronglyMasked int
}

func (p *Precision) String() string { return fmt.Sprint(*p) }

func (s *suite) precision() error { return nil }
