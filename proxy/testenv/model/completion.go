package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// request is what the model looks at in a chat completion's request (OpenAI
// API reference, "Create chat completion").
type request struct {
	model   string
	answers []string        // contents of the messages of role tool
	tools   map[string]bool // the functions on offer
}

func parseRequest(body []byte) (*request, error) {
	var in struct {
		Model    string `json:"model"`
		Stream   bool   `json:"stream"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Tools []struct {
			Type     string `json:"type"`
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("the body is no chat completion request: %w", err)
	}
	if in.Stream {
		return nil, errors.New("this model does not stream")
	}
	if len(in.Messages) == 0 {
		return nil, errors.New("the request has no messages")
	}
	q := &request{model: in.Model, tools: map[string]bool{}}
	for _, t := range in.Tools {
		if t.Type == "function" {
			q.tools[t.Function.Name] = true
		}
	}
	for i, m := range in.Messages {
		if m.Role != "tool" {
			continue
		}
		text, err := contentText(m.Content)
		if err != nil {
			return nil, fmt.Errorf("messages[%d]: %w", i, err)
		}
		q.answers = append(q.answers, text)
	}
	return q, nil
}

// contentText is a message's text: a string, or an array of parts of type text.
func contentText(raw json.RawMessage) (string, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", errors.New("content is neither a text nor an array of parts")
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return "", fmt.Errorf("content has a part of type %q; this model reads text", p.Type)
		}
		b.WriteString(p.Text)
	}
	return b.String(), nil
}

type (
	completion struct {
		ID      string   `json:"id"`
		Object  string   `json:"object"`
		Created int64    `json:"created"`
		Model   string   `json:"model"`
		Choices []choice `json:"choices"`
	}
	choice struct {
		Index   int     `json:"index"`
		Message message `json:"message"`
		Finish  string  `json:"finish_reason"`
	}
	message struct {
		Role      string     `json:"role"`
		Content   *string    `json:"content"`
		ToolCalls []toolCall `json:"tool_calls,omitempty"`
	}
	toolCall struct {
		ID       string   `json:"id"`
		Type     string   `json:"type"`
		Function function `json:"function"`
	}
	function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"` // JSON in a string
	}
)

// encodeReply depends on nothing but its arguments: no clock, no random ids.
func encodeReply(q *request, t Turn) ([]byte, error) {
	n := len(q.answers)
	c := choice{Finish: "stop", Message: message{Role: "assistant"}}
	if len(t.Calls) == 0 {
		c.Message.Content = &t.Text
	}
	for i, call := range t.Calls {
		args, err := json.Marshal(call.Arguments)
		if err != nil {
			return nil, fmt.Errorf("the script's arguments for %s: %w", call.Tool, err)
		}
		c.Finish = "tool_calls"
		c.Message.ToolCalls = append(c.Message.ToolCalls, toolCall{
			ID: fmt.Sprintf("call_%d", n+i+1), Type: "function", Function: function{call.Tool, string(args)}})
	}
	return json.Marshal(completion{ID: fmt.Sprintf("chatcmpl-%d", n+1), Object: "chat.completion", Model: q.model, Choices: []choice{c}})
}
