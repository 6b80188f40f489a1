package model

import (
	"encoding/json"
	"testing"
)

// Whatever comes, the parser takes or refuses it, and the reply to what it took is JSON.
func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"tool","content":"a"}],"tools":[{"type":"function","function":{"name":"sql"}}]}`))
	f.Add([]byte(`{"messages":[{"role":"tool","content":[{"type":"text","text":"a"}]}]}`))
	f.Add([]byte(`{"messages":[{"role":"tool"}]}`))
	f.Add([]byte(`{"messages":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := parseRequest(body)
		if err != nil {
			return
		}
		reply, err := encodeReply(q, Turn{Calls: []Call{{Tool: "t", Arguments: map[string]any{"a": q.answers}}}, Text: q.model})
		if err != nil || !json.Valid(reply) {
			t.Errorf("%v: %s", err, reply)
		}
	})
}
