package config

import (
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Pos is a place in a source file, so that an error found later (a module whose
// digest differs) can point at the line that asked for it.
type Pos struct {
	File string // as it was named to Load
	Line int    // from 1; 0: the value is a default, written nowhere
	rng  hcl.Range
}

func posOf(r hcl.Range) Pos { return Pos{File: r.Filename, Line: r.Start.Line, rng: r} }

// String is "configs/prod.hcl:14".
func (p Pos) String() string {
	if p.Line == 0 {
		return "(default)"
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Size is a number of bytes. In HCL it is a string like "64MiB" (B, KiB, MiB,
// GiB, and the decimal kB, MB, GB) or a plain number of bytes.
type Size int64

var units = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}

// ParseSize reads a size of at least 1 byte.
func ParseSize(s string) (Size, error) {
	num, factor := strings.TrimSpace(s), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(num, u.name); ok {
			num, factor = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(num, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf(`%q is no size: want one like "64MiB"`, s)
	}
	return Size(n * factor), nil
}

// String is the shortest exact form.
func (s Size) String() string {
	for _, u := range units[:3] {
		if s != 0 && int64(s)%u.size == 0 {
			return strconv.FormatInt(int64(s)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// Path is a file or directory that the configuration names.
type Path struct {
	// Given is as it was written; Abs is absolute, relative paths taken from the
	// directory of the file that names them.
	Given, Abs string
	Pos        Pos
}

// IsZero is whether nothing was given.
func (p Path) IsZero() bool { return p.Abs == "" }

func (p Path) String() string { return p.Given }

func resolve(given, file string) (string, error) {
	if filepath.IsAbs(given) {
		return filepath.Clean(given), nil
	}
	return filepath.Abs(filepath.Join(filepath.Dir(file), given))
}

// The sources of a secret.
const (
	SecretEnv  = "env"  // Args: the variable
	SecretFile = "file" // Args: the absolute path
	SecretExec = "exec" // Args: the command and its arguments
)

// hidden stands for a secret wherever one would be printed.
const hidden = "‹secret›"

// SecretRef says where a secret comes from. The configuration never holds the
// secret itself.
type SecretRef struct {
	Kind string
	Args []string
	// Given is the path of a file as it was written.
	Given string
	Pos   Pos
}

// Source names where the secret comes from, for people: env("ORDERS_PASSWORD").
// Of a command it names the program alone, since people put secrets into
// arguments.
func (r *SecretRef) Source() string {
	switch {
	case r == nil:
		return ""
	case r.Kind == SecretFile && r.Given != "":
		return fmt.Sprintf("file(%q)", r.Given)
	case r.Kind == SecretExec && len(r.Args) > 1:
		return fmt.Sprintf("exec(%q, …)", r.Args[0])
	}
	return fmt.Sprintf("%s(%q)", r.Kind, strings.Join(r.Args, " "))
}

// String does not say where the secret comes from either: a reference is printed
// as what it stands for.
func (r *SecretRef) String() string { return hidden }

// GoString implements fmt.GoStringer.
func (r *SecretRef) GoString() string { return hidden }

// LogValue implements slog.LogValuer.
func (r *SecretRef) LogValue() slog.Value { return slog.StringValue(hidden) }
