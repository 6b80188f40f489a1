package testenv

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestWantedMajors(t *testing.T) {
	for text, want := range map[string]string{
		"": "15 18 false", " ": "15 18 false", "18": "18 true", "18,14 16": "14 16 18 true", "15 15": "15 true",
		"all": "14 15 16 17 18 true", "13": "", "15.18": "", "fifteen": "", "15 all": "",
	} {
		majors, asked, err := wantedMajors(text)
		got := fmt.Sprint(strings.Join(majors, " "), " ", asked)
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%q: %q, want %q (%v)", text, got, want, err)
		}
	}
}

// report is a test that writes down how its subtests ended.
type report struct {
	testing.TB
	said *[]string
}

func (r report) Run(name string, f func(report)) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	*r.said = append(*r.said, "end "+name)
	return true
}

func (r report) Helper() {}

func (r report) Skipf(format string, args ...any) { r.end("skip", format, args...) }

func (r report) Fatalf(format string, args ...any) { r.end("fail", format, args...) }

func (r report) end(how, format string, args ...any) {
	*r.said = append(*r.said, how+" "+fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// A major that is not there is skipped with what to do about it, unless somebody asked for it.
func TestMissingMajors(t *testing.T) {
	var said []string
	never := func(report, string) { said = append(said, "run") }
	eachMajor(report{t, &said}, "9", false, never)
	eachMajor(report{t, &said}, "9", true, never)
	if len(said) != 4 || said[1] != "end postgres9" || said[3] != "end postgres9" {
		t.Fatalf("%q", said)
	}
	if !strings.HasPrefix(said[0], "skip ") || !strings.Contains(said[0], "deps.sh postgres-9") {
		t.Errorf("when nobody asked: %s", said[0])
	}
	if !strings.HasPrefix(said[2], "fail $SLUICE_POSTGRES_MAJORS") || !strings.Contains(said[2], "deps.sh postgres-9") {
		t.Errorf("when asked for: %s", said[2])
	}
	if slices.Contains(said, "run") {
		t.Error("ran without a server")
	}
}
