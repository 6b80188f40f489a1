package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"sluice.dev/proxy/identity"
)

// Passwords issues session passwords.
type Passwords interface {
	// Issue makes one for the caller and one connection; its error is of a kind of the console's.
	Issue(by *identity.Principal, connection string) (Credential, error)
	// Revoke ends the caller's own, and says how many.
	Revoke(by *identity.Principal) int
}

// Credential is a session password: the answer to POST credentials.
type Credential struct {
	Password   string    `json:"password"`
	Connection string    `json:"connection"`
	Expires    time.Time `json:"expires"` // the last moment to log in
}

// CredentialFor is the body of POST credentials.
type CredentialFor struct {
	Connection string `json:"connection"`
}

// Revoked is the answer to DELETE credentials.
type Revoked struct {
	Revoked int `json:"revoked"`
}

func (h *handler) issue(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	if h.Passwords == nil {
		return h.refuse(r, by, "credentials.issue", "", "a session password"+needIdentity)
	}
	var body CredentialFor
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Connection == "" {
		return problem(http.StatusBadRequest, KindInvalid, `the body is {"connection": "…"}`)
	}
	c, err := h.Passwords.Issue(by, body.Connection)
	if err != nil {
		return err
	}
	// What is not on record is not handed out: an unread password expires unused.
	if err := h.used(r, by, "credentials.issue", c.Connection); err != nil {
		return err
	}
	return writeJSON(w, c)
}

func (h *handler) revoke(w http.ResponseWriter, r *http.Request, by *identity.Principal) error {
	if h.Passwords == nil {
		return h.refuse(r, by, "credentials.revoke", "", "revoking session passwords"+needIdentity)
	}
	n := h.Passwords.Revoke(by) // first: a log that has stopped is no reason to keep them
	if err := h.used(r, by, "credentials.revoke", ""); err != nil {
		return err
	}
	return writeJSON(w, Revoked{n})
}

// Issue asks for a session password.
func (c *Client) Issue(ctx context.Context, connection string) (Credential, error) {
	return ask[Credential](ctx, c, http.MethodPost, "credentials", CredentialFor{connection})
}

// Revoke ends the caller's own session passwords, and says how many.
func (c *Client) Revoke(ctx context.Context) (int, error) {
	out, err := ask[Revoked](ctx, c, http.MethodDelete, "credentials", nil)
	return out.Revoked, err
}
