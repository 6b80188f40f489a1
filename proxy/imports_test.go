// Package proxy_test holds the house to DESIGN's law of who may know whom.
package proxy_test

import (
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

const module = "sluice.dev/proxy/"

// ground rooms know none of each other, but for identity's Principal.
var ground = []string{"plugin", "policy", "audit", "state", "credential", "identity", "config"}

// mayKnow is what each room may import of ours, by the first part of its path,
// besides its own inner rooms.
var mayKnow = map[string][]string{
	"mask": ground, "approval": ground, "recording": ground,
	"gate":       append([]string{"mask", "approval", "recording"}, ground...),
	"console":    {"gate", "mask", "identity"},
	"evidence":   {"gate", "mask", "identity"},
	"protocol":   {"gate", "mask", "identity"},
	"generation": append([]string{"mask", "approval", "recording", "gate", "console", "evidence", "protocol"}, ground...),
	"server":     append([]string{"mask", "approval", "recording", "gate", "console", "evidence", "generation"}, ground...),
}

func room(path string) string {
	rest, ours := strings.CutPrefix(path, module)
	if !ours {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

func TestWhoMayKnowWhom(t *testing.T) {
	all, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedImports}, "sluice.dev/...")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range ground {
		mayKnow[g] = []string{"identity"}
	}
	mayKnow["identity"], mayKnow["config"], mayKnow["state"], mayKnow["credential"] = nil, nil, nil, nil
	seen := 0
	for _, p := range all {
		from := room(p.PkgPath)
		if from == "" || from == "cmd" || from == "testenv" || from == "warm" || strings.HasSuffix(p.PkgPath, "test") {
			continue // what is on top, and what only tests import
		}
		seen++
		allowed, known := mayKnow[from]
		if !known {
			t.Errorf("%s: DESIGN does not say whom proxy/%s may know", p.PkgPath, from)
		}
		for path := range p.Imports {
			to := room(path)
			switch {
			case to == "" || to == from && from != "protocol":
			case to == "testenv" || to == "cmd":
				t.Errorf("%s imports %s, which is never part of the gateway", p.PkgPath, path)
			case to == "config" && from != "generation":
				t.Errorf("%s imports config: generation alone meets it", p.PkgPath)
			case from == "protocol" && to == "protocol":
				if protocol(path) != protocol(p.PkgPath) && protocol(path) != "internal" {
					t.Errorf("%s imports %s: a protocol never imports another", p.PkgPath, path)
				}
			case !contains(allowed, to):
				t.Errorf("%s imports %s: proxy/%s may know %v", p.PkgPath, path, from, allowed)
			}
		}
	}
	if seen < 20 {
		t.Fatalf("only %d packages were looked at", seen)
	}
}

func protocol(path string) string {
	rest := strings.TrimPrefix(path, module+"protocol/")
	first, _, _ := strings.Cut(rest, "/")
	return first
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
