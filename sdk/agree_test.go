package sdk_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sluice.dev/proxy/plugin"
)

// answer is all that comes of a call, as text that can be compared.
func answer(v any, err error) string {
	var call *plugin.CallError
	if errors.As(err, &call) {
		if call.Kind == plugin.KindTrap {
			return "trap"
		}
		return fmt.Sprintf("%s: %s", call.Kind, call.Detail)
	}
	return fmt.Sprintf("%+v %v", v, err)
}

// ask puts the same batches and commands to a module, and the commands as
// triggers, too.
func ask(t *testing.T, m *plugin.Module, batches []plugin.Batch, commands []asked) (out []string) {
	t.Helper()
	for i := range batches {
		edits, err := m.Mask(t.Context(), &batches[i], nil)
		out = append(out, answer(edits, err))
	}
	for i := range commands {
		c := &commands[i]
		class, err := m.Classify(t.Context(), &c.command)
		class.Note = nil // the host's, not the answer's
		out = append(out, answer(class, err))
		hold, err := m.Trigger(t.Context(), &c.command, []byte(c.decision))
		if hold != nil {
			out = append(out, answer(*hold, err))
		} else {
			out = append(out, answer("no hold", err))
		}
	}
	return out
}

type asked struct {
	command  plugin.Command
	decision string
}

// value is a string of pieces that the badge plugin looks at, near misses of
// them, and anything else.
func value(r *rand.Rand, pieces int) []byte {
	var b []byte
	for range pieces {
		switch r.IntN(9) {
		case 0: // a badge, good but for one time in ten
			sum, digits := 0, make([]byte, 6)
			for i := range 5 {
				digits[i] = byte('0' + r.IntN(10))
				sum += int(digits[i] - '0')
			}
			digits[5] = byte('0' + sum%10)
			if r.IntN(10) == 0 {
				digits[r.IntN(6)] = byte(r.IntN(256))
			}
			b = append(append(b, "BDG-"...), digits...)
		case 1:
			b = append(b, "BDG-"[:r.IntN(5)]...)
		case 2:
			b = fmt.Appendf(b, "%d", r.IntN(2_000_000))
		case 3:
			b = append(b, []string{"é", "𝄞", "badges", "Where", "_", "x", "Z", "0"}[r.IntN(8)]...)
		case 4:
			b = append(b, byte(r.IntN(256)))
		default:
			b = append(b, " ,;.-\n(\"'"[r.IntN(9)])
		}
	}
	return b
}

// batches makes n of them, some of many cells and some of a long one.
func batches(r *rand.Rand, n, many, long int) []plugin.Batch {
	out := make([]plugin.Batch, n)
	for i := range out {
		b := &out[i]
		for c := range 1 + r.IntN(5) {
			b.Columns = append(b.Columns, plugin.Column{
				Name: []string{"plain", "erase", "stand-in", "", "näme", "note"}[r.IntN(6)], Table: []string{"", "public.staff"}[r.IntN(2)],
				Type: fmt.Sprint("type", c), Binary: r.IntN(3) == 0,
			})
		}
		b.Scope = fmt.Sprint("scope", i%3)
		for range r.IntN(40) {
			c := plugin.Cell{Column: uint32(r.IntN(len(b.Columns)))}
			switch r.IntN(12) {
			case 0:
				c.Null = true
			case 1:
				c.Value = []byte{}
			default:
				c.Value = value(r, r.IntN(30))
			}
			b.Cells = append(b.Cells, c)
		}
		if i%10 == 3 { // windows
			b.Cells = append(b.Cells, plugin.Cell{Value: value(r, long)})
		}
		if i%10 == 5 { // several calls
			for range many {
				b.Cells = append(b.Cells, plugin.Cell{Value: value(r, 3)})
			}
		}
	}
	return out
}

func commands(r *rand.Rand, n int) []asked {
	words := []string{"select", "DELETE", "badges", "Badges", "badges2", "WHERE", "where", "nowhere", "from", "'badges'", "\"where\"", "é", "1", "*", "hr.badges"}
	facts := []string{``, `{}`, `{"operations":["delete"]}`, ` { "operations" : [ "read" , "del\u0065te" ] , "flags":{"where":true}}`, `{"operations":["a\"b\\\u00e9\ud83d\ude00"],"risk":61}`,
		`{"flags":{"x":[{"where":true}],"where":false},"risk":-4,"operations":"delete"}`, `{"risk":1000000,"reason":"tabs\tand \u00e9 \ud83d\ude00\/","flags":[]}`,
		`{"operations":[["delete"],{"delete":"delete"},true,null,12.5e3],"reason":""}`, `{"reason":"\ud83d alone","risk":12.5}`}
	decisions := []string{`{"verdict":"allow"}`, `{"verdict":"hold"}`, `{}`, `{"approval":"ch\u0061nge","reason":"be\u0063ause \"it\" does"}`, `{"approval":"other","reason":""}`, `{"fail":true}`, ` {"verdict" : "allow" , "fail":false }`}
	out := make([]asked, n)
	for i := range out {
		c := &out[i].command
		c.Protocol = []string{"postgres", "mysql", "redis"}[r.IntN(3)]
		var text []string
		for range r.IntN(12) {
			text = append(text, words[r.IntN(len(words))])
		}
		c.Text = strings.Join(text, []string{" ", "\n", "/", ";"}[r.IntN(4)])
		if f := facts[r.IntN(len(facts))]; f != "" {
			c.Facts = []byte(f)
		}
		for range r.IntN(3) {
			c.Groups = append(c.Groups, fmt.Sprint("group-", r.IntN(9)))
		}
		for range r.IntN(4) {
			c.Params = append(c.Params, plugin.Param{Null: r.IntN(4) == 0, Binary: r.IntN(3) == 0, Value: value(r, r.IntN(5))})
		}
		out[i].decision = decisions[r.IntN(len(decisions))]
	}
	return out
}

// agree puts the same to the same plugin in each language and compares all
// with Go's answers; and an instance that has answered all of it answers it
// the same once more.
func agree(t *testing.T, folder string, settings []string, batches []plugin.Batch, commands []asked, grants ...string) (want []string) {
	answers := func(t *testing.T, language string) (got []string) {
		wasm := example(t, folder, language)
		r := newRuntime(t)
		for _, s := range settings {
			m := load(t, r, wasm, s, grants...)
			once := ask(t, m, batches, commands)
			if again := ask(t, m, batches, commands); !reflect.DeepEqual(once, again) {
				t.Error("the second time it answers otherwise")
			}
			got = append(got, once...)
		}
		return got
	}
	want = answers(t, "go")
	for _, language := range builds {
		if language == "go" {
			continue
		}
		t.Run(language, func(t *testing.T) {
			got := answers(t, language)
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("answer %d of %d is\n%.2000s\nand Go's is\n%.2000s", i, len(want), got[i], want[i])
				}
			}
			t.Logf("%d answers are the same as Go's", len(got))
		})
	}
	return want
}

func TestExamplesAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2026))
	want := agree(t, "examples/plugins", []string{"", `{"prefix":"Z"}`, `{"prefix": "BD\u0047"}`}, batches(r, 40, 9000, 60_000), commands(r, 300))
	all := strings.Join(want, "\n")
	if n := strings.Count(all, "Kind:badge"); n < 1000 || strings.Count(all, "bulk-badges") < 10 || strings.Count(all, "Approval:change") < 10 {
		t.Errorf("%d badges and too few labels or holds: the batches say little", n)
	}
}

// The probe shows that each SDK reads all that the gateway writes, and writes
// all that it reads.
func TestSDKsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2026))
	b := batches(r, 40, 50, 60_000)
	for _, v := range []string{"fail", "log", "trap"} {
		b = append(b, plugin.Batch{Columns: []plugin.Column{{Name: "note"}}, Cells: []plugin.Cell{{Value: []byte("a")}, {Value: []byte(v)}, {Null: true}}})
	}
	want := agree(t, "sdk/testdata/probe", []string{"", `{"mode":"x"}`}, b, commands(r, 300), "pseudonym", "log")
	all := strings.Join(want, "\n")
	for _, s := range []string{"reported: asked to fail", "trap", "Approval:change", "because \"it\" does", "Risk:100", "Risk:61", "operation", "where", "Reason:tabs", "é 😀/", "param0:null", "Kind:binary"} {
		if !strings.Contains(all, s) {
			t.Errorf("no answer has %q", s)
		}
	}
}

// Manifests, refused settings and log lines are the same in each language.
func TestSDKsSayTheSame(t *testing.T) {
	var want *plugin.Manifest
	for _, language := range builds {
		t.Run(language, func(t *testing.T) {
			wasm := example(t, "sdk/testdata/probe", language)
			var log bytes.Buffer
			r := newRuntimeWith(t, plugin.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			m := load(t, r, wasm, `{"mode": "a\"b"}`, "pseudonym", "log")
			if !strings.Contains(log.String(), `configured a\\\"b`) && !strings.Contains(log.String(), `configured a\"b`) {
				t.Errorf("its log line is not in the log: %s", &log)
			}
			log.Reset()
			if _, err := m.Mask(t.Context(), &plugin.Batch{Columns: []plugin.Column{{}}, Cells: []plugin.Cell{{Value: []byte("log")}}}, nil); err != nil || !strings.Contains(log.String(), "saw log") {
				t.Errorf("its log line is not in the log: %v %s", err, &log)
			}
			got := m.Manifest()
			slices.Sort(got.Provides)
			if want == nil {
				want = &got
			}
			if !reflect.DeepEqual(got, *want) {
				t.Errorf("the manifest is\n%+v\nand Go's is\n%+v", got, *want)
			}
			_, err := r.Load(t.Context(), plugin.Spec{Name: "refused", Wasm: wasm, Unpinned: true, Settings: []byte(`{"mode":"refuse"}`), Grants: []string{"pseudonym", "log"}})
			var refused *plugin.SettingsError
			if !errors.As(err, &refused) || !reflect.DeepEqual(refused.Path, []string{"mode"}) || !strings.Contains(refused.Message, "refuse is refused") {
				t.Errorf("the refusal is %v", err)
			}
		})
	}
}
