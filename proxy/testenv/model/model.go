// Package model is a scripted language model behind the chat completions API
// of OpenAI, so that an agent runs offline and always the same. It is never
// part of the gateway.
package model

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Call is one call of a tool that the model asks for.
type Call struct {
	Tool      string
	Arguments map[string]any
}

// A Turn is what the model says next: calls of tools, or a text, which ends the
// conversation.
type Turn struct {
	Calls []Call
	Text  string
}

// A Script is the model: it chooses the next turn from what tools have answered
// so far in the conversation, oldest first. The same answers must give the same
// turn: clients repeat requests.
type Script func(answers []string) Turn

// Limits of a server. A crew's conversation of a few turns is far below both.
const (
	maxRequest   = 4 << 20 // bytes of one request's body
	maxExchanges = 256     // requests answered by one server
)

// An Exchange is one request that was answered with a turn, as it went over the
// wire.
type Exchange struct {
	Request []byte   // the body
	Reply   []byte   // the body
	Answers []string // of tools, which the request showed to the model
	Turn    Turn     // what the model said to that
}

// Server is a running model. Its methods are safe for concurrent use.
type Server struct {
	URL string // base URL, which ends in /v1
	Key string // the API key that it wants

	script    Script
	http      *http.Server
	served    chan struct{}
	exchanges chan Exchange

	mu    sync.Mutex
	count int
}

// Start starts a model on a free port of loopback, in clear text, which runs
// until Stop.
func Start(script Script) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	s := &Server{
		URL: "http://" + l.Addr().String() + "/v1", Key: "sk-" + rand.Text(), script: script,
		served: make(chan struct{}), exchanges: make(chan Exchange, maxExchanges),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "this model speaks POST /v1/chat/completions alone, not "+r.Method+" "+r.URL.Path)
	})
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { // ends with Stop, which waits for it
		defer close(s.served)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(fmt.Sprintf("model: %v", err)) // its client could not tell why
		}
	}()
	return s, nil
}

// Stop ends the model.
func (s *Server) Stop() {
	_ = s.http.Close() // its listener is all that could fail, and we leave
	<-s.served
}

// Exchanges gives each exchange once, in order, as it happens. Nobody need
// read it: it has room for all that one server answers.
func (s *Server) Exchanges() <-chan Exchange { return s.exchanges }

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.Key)) != 1 {
		fail(w, http.StatusUnauthorized, "the API key is not this model's")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is longer than %d bytes, or was cut off", maxRequest))
		return
	}
	q, err := parseRequest(body)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	turn := s.script(q.answers)
	for _, c := range turn.Calls {
		if !q.tools[c.Tool] {
			fail(w, http.StatusBadRequest, fmt.Sprintf("the script calls the tool %q, which the request does not offer", c.Tool))
			return
		}
	}
	reply, err := encodeReply(q, turn)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	s.mu.Lock()
	s.count++
	full := s.count > maxExchanges
	if !full {
		s.exchanges <- Exchange{Request: body, Reply: reply, Answers: q.answers, Turn: turn} // has room: see count
	}
	s.mu.Unlock()
	if full {
		fail(w, http.StatusTooManyRequests, fmt.Sprintf("this model has answered %d requests, which is all it does", maxExchanges))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(reply) // a client that has gone needs no answer
}

// fail answers in the API's own error shape, and asks not to be asked again: a
// script does not change its mind.
func fail(w http.ResponseWriter, status int, text string) {
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(map[string]any{"error": map[string]any{ // strings always encode
		"message": "model: " + text, "type": "invalid_request_error", "param": nil, "code": nil}})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Should-Retry", "false")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
