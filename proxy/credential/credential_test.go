package credential_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice.dev/proxy/credential"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "hunter2-canary"

func TestSecretNeverShowsItself(t *testing.T) {
	type inside struct {
		Name   string
		Public credential.Secret
		hidden credential.Secret
		ptr    *credential.Secret
	}
	s := credential.NewSecret(canary)
	v := inside{"x", s, s, &s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%10.3s"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", &v)
		fmt.Fprintf(&out, verb+"\n", []any{s, v})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("login", "password", s, "group", v, slog.Any("pointer", &s))
	}
	for _, x := range []any{s, &s, v, map[string]any{"s": s}} {
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	if b, err := xml.Marshal(s); err == nil {
		out.Write(b)
	}
	if err := gob.NewEncoder(&out).Encode(s); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(&out, errors.New(s.String()), s)
	for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), canary[:3]} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q is in\n%s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), credential.Hidden) {
		t.Error("nothing says that there is a secret")
	}
	if s.Reveal() != canary || (credential.Secret{}).Reveal() != "" || !(credential.Secret{}).Empty() {
		t.Error("Reveal")
	}
	if !s.Equal(credential.NewSecret(canary)) || s.Equal(credential.Secret{}) {
		t.Error("Equal")
	}
}

func fetch(t *testing.T, s credential.Source) (string, error) {
	t.Helper()
	v, err := s.Fetch(t.Context())
	if err != nil && !strings.Contains(err.Error(), s.String()) {
		t.Errorf("the error %q does not name the source %q", err, s)
	}
	return v.Reveal(), err
}

func TestEnv(t *testing.T) {
	s := credential.Env("SLUICE_TEST_PASSWORD")
	if _, err := fetch(t, s); err == nil {
		t.Error("a variable that is not set gave a secret")
	}
	t.Setenv("SLUICE_TEST_PASSWORD", canary)
	if v, err := fetch(t, s); v != canary || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	t.Setenv("SLUICE_TEST_PASSWORD", strings.Repeat("x", 64<<10+1))
	if _, err := fetch(t, s); err == nil {
		t.Error("no limit")
	}
}

func TestFile(t *testing.T) {
	for content, want := range map[string]string{
		"a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n", "a b \n": "a b ", "a\r": "a\r", "ä\x00b": "ä\x00b",
		"": "", "\n": "", strings.Repeat("x", 64<<10): strings.Repeat("x", 64<<10), strings.Repeat("x", 64<<10+1): "",
	} {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := fetch(t, credential.File(path, credential.FileOptions{}))
		if v != want || (err == nil) != (want != "") {
			t.Errorf("%.10q gave %.10q, %v", content, v, err)
		}
	}
}

func TestFileIsReadAgainAndItsModeIsWarnedOfOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	var warnings []string
	s := credential.File(path, credential.FileOptions{Warn: func(m string) { warnings = append(warnings, m) }})
	if _, err := fetch(t, s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for _, v := range []string{"one", "two", "six"} {
		if err := os.WriteFile(path, []byte(v), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := fetch(t, s); got != v || err != nil {
			t.Errorf("%q, %v, want %q", got, err, v)
		}
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "0644") {
		t.Errorf("warnings: %q", warnings)
	}
}

func TestFileThatIsNone(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, "/dev/zero", filepath.Join(dir, "none")} {
		if v, err := fetch(t, credential.File(path, credential.FileOptions{})); err == nil {
			t.Errorf("%s gave %.10q", path, v)
		}
	}
}

func program(t *testing.T, o credential.ExecOptions, argv ...string) credential.Source {
	t.Helper()
	s, err := credential.Exec(argv, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExec(t *testing.T) {
	t.Setenv("SLUICE_TEST_INHERITED", "inherited")
	for script, want := range map[string]string{
		`echo hello`:                          "hello",
		`printf 'a b'`:                        "a b",
		`echo $SLUICE_TEST_INHERITED; cat`:    "inherited",
		`echo secret >&2; echo out`:           "out",
		`true`:                                "",
		`echo ` + canary + ` >&2; exit 3`:     "",
		`echo ` + canary + `; exit 1`:         "",
		`yes`:                                 "",
		`head -c 65537 /dev/zero`:             "",
		`head -c 65536 /dev/zero | tr '\0' x`: strings.Repeat("x", 65536),
	} {
		v, err := fetch(t, program(t, credential.ExecOptions{}, "sh", "-c", script))
		if v != want || (err == nil) != (want != "") {
			t.Errorf("%s gave %.20q, %v", script, v, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error shows what the program wrote: %v", script, err)
		}
	}
	if _, err := credential.Exec(nil, credential.ExecOptions{}); err == nil {
		t.Error("no program is no error")
	}
	s := program(t, credential.ExecOptions{}, "/no/such/program", "--token="+canary)
	if _, err := fetch(t, s); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error()+s.String(), canary) {
		t.Errorf("%v", err)
	}
}

// The program's child holds the output open: the whole group has to go.
func TestExecTimeoutEndsTheGroup(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	s := program(t, credential.ExecOptions{Timeout: 300 * time.Millisecond}, "sh", "-c", `sleep 1000 & echo $! >`+pid+`; wait`)
	if _, err := fetch(t, s); err == nil || !strings.Contains(err.Error(), "300ms") {
		t.Errorf("%v", err)
	}
	var child int
	b, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(b), &child); err != nil {
		t.Fatal(err)
	}
	// Killed, it is at most a zombie until its new parent has looked.
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the child lives")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestExecIsAskedOncePerTTLAndNeverStale(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	var mu sync.Mutex
	o := credential.ExecOptions{TTL: time.Minute, Dir: dir, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }}
	s := program(t, o, "sh", "-c", `test ! -e broken && echo >>runs && wc -l <runs`)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if v, err := s.Fetch(context.Background()); v.Reveal() != "1" || err != nil {
				t.Errorf("%q, %v", v.Reveal(), err)
			}
		})
	}
	wg.Wait()
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	if v, err := fetch(t, s); v != "2" || err != nil {
		t.Errorf("after its time: %q, %v", v, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	if v, err := fetch(t, s); err == nil {
		t.Errorf("a program that fails gave %q", v)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Fetch(ctx); err == nil {
		t.Error("a context that has ended is no error")
	}
}
