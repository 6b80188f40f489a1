package oidc_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"testing"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sluice.dev/proxy/testenv"
)

// codeFlow logs somebody in as the console does (authorization code, PKCE) and returns the ID token.
func codeFlow(t *testing.T, s *testenv.OIDCServer, subject string) string {
	t.Helper()
	var code, state string
	console := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		code, state = r.FormValue("code"), r.FormValue("state")
	}))
	defer console.Close()
	op, err := goidc.NewProvider(t.Context(), s.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{ClientID: s.ClientID, RedirectURL: console.URL + "/auth/callback", Endpoint: op.Endpoint(), Scopes: []string{"openid"}}
	verifier, want := oauth2.GenerateVerifier(), rand.Text()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := s.Login(t.Context(), client, config.AuthCodeURL(want, oauth2.S256ChallengeOption(verifier), goidc.Nonce("n1")), subject)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if code == "" || state != want {
		t.Fatalf("came back with code %q, state %q (%s)", code, state, resp.Status)
	}
	if _, err := config.Exchange(t.Context(), code, oauth2.VerifierOption("wrong-verifier-wrong-verifier-wrong-verifier")); err == nil {
		t.Error("the provider does not check PKCE")
	}
	token, err := config.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if idToken, err := op.Verifier(&goidc.Config{ClientID: s.ClientID}).Verify(t.Context(), raw); err != nil || idToken.Nonce != "n1" {
		t.Fatalf("%+v, %v", idToken, err)
	}
	http.DefaultClient.CloseIdleConnections()
	return raw
}
