package testenv_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"sluice.dev/proxy/testenv"
)

func TestDepsScriptHasGoodSyntaxAndManners(t *testing.T) {
	if out, err := exec.Command("sh", "-n", "deps.sh").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, target := range []string{"nonsense", "postgres-", "postgres-9", "postgres-15 16"} {
		out, err := exec.Command("sh", "deps.sh", "python", target).CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "usage:") {
			t.Errorf("the unknown target %q gave %v: %s", target, err, out)
		}
	}
	out, err := exec.Command("sh", "deps.sh", "where").Output()
	if err != nil || !contains(string(out), "SLUICE_PYTHON='", "SLUICE_POSTGRES='", "SLUICE_PLAYWRIGHT='") {
		t.Errorf("%v: %s", err, out)
	}
}

// The server is there, since other tests of this package run it; so there is nothing to do, and nothing is said.
func TestInstallPostgresLeavesAloneWhatIsThere(t *testing.T) {
	var out bytes.Buffer
	if err := testenv.InstallPostgres(t.Context(), &out); err != nil || out.Len() > 0 {
		t.Errorf("%v: %s", err, &out)
	}
	if err := testenv.Install(t.Context(), &out, "postgres"); err != nil || out.Len() > 0 {
		t.Errorf("%v: %s", err, &out)
	}
	if err := testenv.Install(t.Context(), &out, "nonsense"); err == nil {
		t.Error("an unknown target is no error")
	}
}

func TestDepSaysWhatToRun(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for name, target := range map[string]string{"python": "python", "crewai-psycopg2": "crewai", "playwright": "browser"} {
		if path, err := testenv.Dep(name); err == nil || !strings.HasSuffix(err.Error(), "deps.sh "+target) {
			t.Errorf("%s: %q, %v", name, path, err)
		}
	}
	if _, err := testenv.Dep("nonsense"); err == nil {
		t.Error("an unknown name is no error")
	}
}
