package conformance

import "fmt"

// Formats counts placeholders by type and way.
type Formats struct{ Types int }

func (f *Formats) String() string { return fmt.Sprint(*f) }

func (s *suite) formats() error   { return nil }
func (s *suite) generated() error { return nil }
