package testenv_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sluice.dev/proxy/testenv"
)

// ownerRole makes this test binary an owner of a server that is killed: see TestServerDiesWithItsOwner.
const ownerRole = "SLUICE_TESTENV_OWNER"

func TestServerDiesWithItsOwner(t *testing.T) {
	if os.Getenv(ownerRole) != "" {
		s, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("started", s.DataDir())
		select {} // until killed
	}
	tmp := shortTemp(t)
	owner := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithItsOwner$")
	owner.Env = append(os.Environ(), ownerRole+"=1", "TMPDIR="+tmp)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	data := ""
	for lines := bufio.NewScanner(out); data == "" && lines.Scan(); {
		data, _ = strings.CutPrefix(lines.Text(), "started ")
	}
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // it was killed
	await(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
	// What it left on the disk goes with the next start.
	t.Setenv("TMPDIR", tmp)
	testenv.Postgres(t, testenv.PostgresOptions{})
	if _, err := os.Stat(data); err == nil {
		t.Errorf("%s is still there", data)
	}
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		select {
		case <-t.Context().Done():
			t.Fatal("it never came to be")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestFreezeAndThaw(t *testing.T) {
	s := testenv.Postgres(t, testenv.PostgresOptions{})
	conn, err := pgx.Connect(t.Context(), s.SuperDSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var backend int
	if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		t.Fatal(err)
	}
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return state(t, backend) == "T" })
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	s.Crash()
	if err := s.Freeze(); err == nil {
		t.Error("a server that is gone was frozen")
	}
}

func state(t *testing.T, pid int) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:1]
}

// Everybody but root runs the server as themselves.
func TestAnOrdinaryUserCanStartOne(t *testing.T) {
	if os.Getenv(ownerRole) == "ordinary" {
		s := testenv.Postgres(t, testenv.PostgresOptions{TLS: true, Init: []string{users}})
		if got := one[int](t, s.DSN("postgres", "app", "app-password"), "SELECT max(id) FROM t"); got != 42 {
			t.Errorf("max(id) = %d", got)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("every other test of this package shows it: this one is for root, who must become somebody first")
	}
	dir := shortTemp(t)
	binary := filepath.Join(dir, "test")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, b, 0o755); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=^TestAnOrdinaryUserCanStartOne$")
	cmd.Dir = home
	cmd.Env = append(os.Environ(), ownerRole+"=ordinary", "HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
