package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/gate/recorded"
)

// ErrUnreachable is a gateway that could not be asked, or that answered with no sense.
var ErrUnreachable = errors.New("the gateway cannot be reached")

// maxAnswer bounds an answer that is read whole, in bytes; maxLine a line of a stream.
const (
	maxAnswer = 64 << 20
	maxLine   = 8 << 20
)

// Client asks a gateway. Its errors are *Problem where the gateway refused, and ErrUnreachable where it did not answer.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// Over returns a client that speaks over an admin socket.
func Over(socket string) *Client {
	var d net.Dialer
	return &Client{base: "http://socket", http: &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) },
		DisableKeepAlives: true,
	}}}
}

// At returns a client for a gateway's URL with the caller's own token. Plain http is for loopback alone: the token
// would be shown to the network.
func At(gateway, token string) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(gateway, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("gateway %q: give a URL, as https://gw.example.com:8443", gateway)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("gateway %q: use https; plain http is for loopback alone", gateway)
	}
	return &Client{base: u.String(), token: token, http: &http.Client{
		// A redirect would carry the token elsewhere, and no gateway sends one.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Status asks how the gateway is.
func (c *Client) Status(ctx context.Context) (console.Status, error) {
	return ask[console.Status](ctx, c, http.MethodGet, "status", nil)
}

// Holds lists holds.
func (c *Client) Holds(ctx context.Context, f console.Filter) ([]console.Hold, error) {
	q := url.Values{}
	for _, s := range f.States {
		q.Add("state", string(s))
	}
	if f.Connection != "" {
		q.Set("connection", f.Connection)
	}
	if f.Session != "" {
		q.Set("session", f.Session)
	}
	if f.Limit > 0 {
		q.Set("limit", fmt.Sprint(f.Limit))
	}
	out, err := ask[HoldList](ctx, c, http.MethodGet, "holds?"+q.Encode(), nil)
	return out.Holds, err
}

// Hold shows one hold.
func (c *Client) Hold(ctx context.Context, ticket string) (console.Hold, error) {
	return ask[console.Hold](ctx, c, http.MethodGet, "holds/"+url.PathEscape(ticket), nil)
}

// Approve approves and returns what the hold became.
func (c *Client) Approve(ctx context.Context, ticket, reason string) (console.Hold, error) {
	return ask[console.Hold](ctx, c, http.MethodPost, "holds/"+url.PathEscape(ticket)+"/approve", Reason{reason})
}

// Deny denies and returns what the hold became.
func (c *Client) Deny(ctx context.Context, ticket, reason string) (console.Hold, error) {
	return ask[console.Hold](ctx, c, http.MethodPost, "holds/"+url.PathEscape(ticket)+"/deny", Reason{reason})
}

// Sessions lists sessions; open leaves out the ended ones.
func (c *Client) Sessions(ctx context.Context, open bool) ([]console.Session, error) {
	path := "sessions"
	if open {
		path += "?open=yes"
	}
	out, err := ask[SessionList](ctx, c, http.MethodGet, path, nil)
	return out.Sessions, err
}

// Decisions lists the latest decided commands.
func (c *Client) Decisions(ctx context.Context, f recorded.Filter) ([]recorded.Summary, error) {
	q := url.Values{}
	if f.Verdict != "" {
		q.Set("verdict", f.Verdict)
	}
	if f.Connection != "" {
		q.Set("connection", f.Connection)
	}
	if f.Limit > 0 {
		q.Set("limit", fmt.Sprint(f.Limit))
	}
	out, err := ask[DecisionList](ctx, c, http.MethodGet, "decisions?"+q.Encode(), nil)
	return out.Decisions, err
}

// Explain says why a command was decided as it was, by its id, its ticket or its record's number.
func (c *Client) Explain(ctx context.Context, id string) (*recorded.Account, error) {
	return ask[*recorded.Account](ctx, c, http.MethodGet, "decisions/"+url.PathEscape(id), nil)
}

// Shadows says what policies in shadow mode would have done: one of them, or all (""), since a time if it is not zero.
func (c *Client) Shadows(ctx context.Context, policy string, since time.Time) (recorded.ShadowReport, error) {
	q := url.Values{}
	if policy != "" {
		q.Set("policy", policy)
	}
	if !since.IsZero() {
		q.Set("since", since.UTC().Format(time.RFC3339))
	}
	return ask[recorded.ShadowReport](ctx, c, http.MethodGet, "shadow?"+q.Encode(), nil)
}

// Kill ends a session.
func (c *Client) Kill(ctx context.Context, id, reason string) error {
	resp, err := c.open(ctx, http.MethodPost, "sessions/"+url.PathEscape(id)+"/kill", Reason{reason})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Reload makes the gateway load its configuration again, and returns how it is then.
func (c *Client) Reload(ctx context.Context) (console.Status, error) {
	return ask[console.Status](ctx, c, http.MethodPost, "reload", nil)
}

// Replay reads a recording; an error ends the sequence, and console.ErrOpenEnd says that there is no more yet.
func (c *Client) Replay(ctx context.Context, id string) (iter.Seq2[console.Frame, error], error) {
	resp, err := c.open(ctx, http.MethodGet, "sessions/"+url.PathEscape(id)+"/replay", nil) //nolint:bodyclose // the sequence closes it
	if err != nil {
		return nil, err
	}
	return func(yield func(console.Frame, error) bool) {
		defer resp.Body.Close()
		for line, err := range lines[ReplayLine](resp.Body) {
			switch {
			case err != nil:
				yield(console.Frame{}, err)
				return
			case line.Error != "":
				yield(console.Frame{}, errors.New(line.Error))
				return
			case line.Open:
				yield(console.Frame{}, console.ErrOpenEnd)
				return
			case line.End:
				return
			case line.Frame == nil:
			default:
				if !yield(*line.Frame, nil) {
					return
				}
			}
		}
		yield(console.Frame{}, fmt.Errorf("%w: the recording was cut off", ErrUnreachable))
	}, nil
}

// Events tells of changes until ctx ends or the gateway ends the stream, which it does after ten minutes.
func (c *Client) Events(ctx context.Context) (iter.Seq2[console.Change, error], error) {
	resp, err := c.open(ctx, http.MethodGet, "events", nil) //nolint:bodyclose // the sequence closes it
	if err != nil {
		return nil, err
	}
	return func(yield func(console.Change, error) bool) {
		defer resp.Body.Close()
		for ch, err := range lines[console.Change](resp.Body) {
			if err == nil && ch.Kind == "" {
				continue
			}
			if !yield(ch, err) || err != nil {
				return
			}
		}
	}, nil
}

// callTimeout is for answers that are read whole; a reload compiles policies and plugins.
const callTimeout = 2 * time.Minute

// ask is a request whose answer is read whole.
func ask[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var out T
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := c.open(ctx, method, path, body)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("%w: its answer is not an answer of this API: %w", ErrUnreachable, err)
	}
	return out, nil
}

func (c *Client) open(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("api: request: %w", err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+Prefix+path, in)
	if err != nil {
		return nil, fmt.Errorf("api: request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, which says nothing for a socket
		}
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var p Problem
	if err != nil || json.Unmarshal(b, &p) != nil || p.Kind == "" {
		return nil, fmt.Errorf("%w: it answered %s, which is not this API", ErrUnreachable, resp.Status)
	}
	return nil, &p
}

// lines decodes newline-delimited JSON.
func lines[T any](r io.Reader) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		in := bufio.NewScanner(r)
		in.Buffer(nil, maxLine)
		for in.Scan() {
			var v T
			if err := json.Unmarshal(in.Bytes(), &v); err != nil {
				yield(v, fmt.Errorf("%w: %w", ErrUnreachable, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := in.Err(); err != nil {
			var zero T
			yield(zero, fmt.Errorf("%w: %w", ErrUnreachable, err))
		}
	}
}
