package model_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sluice.dev/proxy/testenv/model"
)

// What net/http lets linger for half a second after an answer is no leak.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// counting calls a tool twice, then tells what it was shown.
func counting(answers []string) model.Turn {
	if len(answers) < 2 {
		return model.Turn{Calls: []model.Call{{Tool: "sql", Arguments: map[string]any{"q": "SELECT '<&>' /* " + strings.Repeat("x", len(answers)) + " */"}}}}
	}
	return model.Turn{Text: strings.Join(answers, "|")}
}

func start(t *testing.T, script model.Script) *model.Server {
	t.Helper()
	s, err := model.Start(script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func post(t *testing.T, s *model.Server, key, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.URL+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

const tools = `"tools":[{"type":"function","function":{"name":"sql"}}]`

func TestConversation(t *testing.T) {
	s := start(t, counting)
	const first = `{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],` + tools + `}`
	code, got, _ := post(t, s, s.Key, first)
	const wantCall = `{"id":"chatcmpl-1","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,` +
		`"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",` +
		`"function":{"name":"sql","arguments":"{\"q\":\"SELECT '\\u003c\\u0026\\u003e' /*  */\"}"}}]},"finish_reason":"tool_calls"}]}`
	if code != http.StatusOK || got != wantCall {
		t.Errorf("%d\n%s", code, cmp.Diff(wantCall, got))
	}
	var in struct {
		Choices []struct {
			Message struct {
				ToolCalls []struct{ Function struct{ Arguments string } } `json:"tool_calls"`
			}
		}
	}
	var args struct{ Q string }
	if err := json.Unmarshal([]byte(got), &in); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(in.Choices[0].Message.ToolCalls[0].Function.Arguments), &args); err != nil || args.Q != "SELECT '<&>' /*  */" {
		t.Errorf("arguments %q, %v", args.Q, err)
	}

	// A client that repeats itself gets the same again.
	if _, again, _ := post(t, s, s.Key, first); again != got {
		t.Errorf("the same request, another answer: %s", again)
	}

	const last = `{"model":"m","messages":[{"role":"user","content":"u"},
		{"role":"assistant","content":null,"tool_calls":[]},{"role":"tool","tool_call_id":"call_1","content":"a"},
		{"role":"assistant","content":null},{"role":"tool","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]}],` + tools + `}`
	code, got, _ = post(t, s, s.Key, last)
	const wantText = `{"id":"chatcmpl-3","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a|bc"},"finish_reason":"stop"}]}`
	if code != http.StatusOK || got != wantText {
		t.Errorf("%d\n%s", code, cmp.Diff(wantText, got))
	}

	for i, want := range []int{0, 0, 2} {
		e := <-s.Exchanges()
		if len(e.Answers) != want {
			t.Errorf("exchange %d has %d answers, want %d", i, len(e.Answers), want)
		}
		if i == 2 && (string(e.Request) != last || string(e.Reply) != wantText || e.Turn.Text != "a|bc") {
			t.Errorf("exchange 2 is not what went over the wire: %s → %s", e.Request, e.Reply)
		}
	}
}

func TestRefuses(t *testing.T) {
	s := start(t, counting)
	const fine = `{"model":"m","messages":[{"role":"user","content":"u"}],` + tools + `}`
	for _, c := range []struct {
		what, key, body string
		code            int
		says            string
	}{
		{"a wrong key", "sk-other", fine, http.StatusUnauthorized, "API key"},
		{"no key", "", fine, http.StatusUnauthorized, "API key"},
		{"no JSON", s.Key, "{", http.StatusBadRequest, "no chat completion request"},
		{"no messages", s.Key, `{"model":"m","messages":[]}`, http.StatusBadRequest, "no messages"},
		{"a stream", s.Key, `{"stream":true,"messages":[{"role":"user","content":"u"}],` + tools + `}`, http.StatusBadRequest, "does not stream"},
		{"a tool that is not on offer", s.Key, `{"messages":[{"role":"user","content":"u"}]}`, http.StatusBadRequest, `the tool "sql"`},
		{"a picture", s.Key, `{"messages":[{"role":"tool","content":[{"type":"image_url"}]}],` + tools + `}`, http.StatusBadRequest, "reads text"},
		{"a number", s.Key, `{"messages":[{"role":"tool","content":7}],` + tools + `}`, http.StatusBadRequest, "neither a text"},
		{"too much", s.Key, strings.Repeat(" ", 4<<20) + fine, http.StatusRequestEntityTooLarge, "longer than"},
	} {
		code, got, h := post(t, s, c.key, c.body)
		var e struct{ Error struct{ Message string } }
		if err := json.Unmarshal([]byte(got), &e); err != nil {
			t.Errorf("%s: %v: %s", c.what, err, got)
		}
		if code != c.code || !strings.Contains(e.Error.Message, c.says) || h.Get("X-Should-Retry") != "false" {
			t.Errorf("%s: %d %s", c.what, code, got)
		}
	}
	resp, err := http.Get(s.URL + "/models")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("GET /models: %d", resp.StatusCode)
	}
	if n := len(s.Exchanges()); n != 0 {
		t.Errorf("%d exchanges of refused requests", n)
	}
}

// Nobody reads the exchanges: the model answers as many as it has room for, and refuses the next.
func TestBounded(t *testing.T) {
	s := start(t, counting)
	const fine = `{"model":"m","messages":[{"role":"user","content":"u"}],` + tools + `}`
	for i := range cap(s.Exchanges()) {
		if code, got, _ := post(t, s, s.Key, fine); code != http.StatusOK {
			t.Fatalf("request %d: %d %s", i, code, got)
		}
	}
	if code, got, _ := post(t, s, s.Key, fine); code != http.StatusTooManyRequests {
		t.Errorf("one more: %d %s", code, got)
	}
}
