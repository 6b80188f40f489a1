package plugin

import (
	"errors"
	"fmt"
)

// Kind says what went wrong in a call.
type Kind string

// The kinds of CallError.
const (
	KindFuel       Kind = "fuel"       // the call's budget is spent
	KindTrap       Kind = "trap"       // the module trapped: a bug of its own
	KindMemory     Kind = "memory"     // it trapped after more memory was refused
	KindDepth      Kind = "depth"      // calls nested too deep
	KindABI        Kind = "abi"        // what it returned breaks the ABI
	KindEdits      Kind = "edits"      // an edit is out of range, overlaps or is out of order
	KindReported   Kind = "reported"   // the module itself returned an error
	KindInput      Kind = "input"      // what it should look at is over a limit
	KindBusy       Kind = "busy"       // no instance became free in time
	KindQuarantine Kind = "quarantine" // it failed too often, and waits for a reload
	KindClosed     Kind = "closed"     // its generation is gone
)

// CallError is a call that gave no answer. The caller refuses the command.
type CallError struct {
	Plugin string
	Kind   Kind
	// What completes the sentence “plugin NAME …”. It holds nothing of the
	// data that the call looked at.
	What string
	// Detail is for the operator's eyes only: a module's own error text, a
	// trap's stack. A module may quote data in its text, so it is not part of
	// Error.
	Detail string
}

func (e *CallError) Error() string { return "plugin " + e.Plugin + " " + e.What }

// LoadError is a module that does not become part of a generation.
type LoadError struct {
	Plugin string
	// Attribute names what in the plugin's block is at fault: "module",
	// "sha256", "signed_by", "grants" or "settings".
	Attribute string
	Err       error
}

func (e *LoadError) Error() string { return fmt.Sprintf("plugin %q: %v", e.Plugin, e.Err) }

// Unwrap gives the cause; for settings that is a *SettingsError.
func (e *LoadError) Unwrap() error { return e.Err }

// SettingsError is a wrong value in a plugin's settings.
type SettingsError struct {
	Path    []string // keys and indexes from the settings' top
	Message string
}

func (e *SettingsError) Error() string {
	if len(e.Path) == 0 {
		return "settings: " + e.Message
	}
	s := "settings"
	for _, p := range e.Path {
		if p != "" && p[0] >= '0' && p[0] <= '9' {
			s += "[" + p + "]"
		} else {
			s += "." + p
		}
	}
	return s + ": " + e.Message
}

// KindOf returns the kind of a call's error, or "".
func KindOf(err error) Kind {
	var c *CallError
	if errors.As(err, &c) {
		return c.Kind
	}
	return ""
}
