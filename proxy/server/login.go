package server

import (
	"context"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/generation"
	"sluice.dev/proxy/identity"
)

// renewConsole brings the console in line with a new generation; the first one
// makes it.
func (g *Gateway) renewConsole(gen *generation.Generation) {
	c := gen.Console()
	if c == nil || gen.Login == nil {
		g.console.Set(nil)
		g.pages = nil
		return
	}
	o := console.Options{URL: c.URL, Issuer: gen.Login.Issuer(), ClientID: c.ClientID, Gateway: g.name,
		Access: console.Access{Auditors: c.Auditors, Operators: c.Operators}, Development: gen.Development(),
		Backend: g.backend(), Logger: g.o.Logger,
		// By the provider of the moment: this generation's may be closed by then.
		Verify: func(ctx context.Context, raw string) (*identity.Principal, error) {
			return g.manager.VerifyLogin(ctx, raw)
		}}
	if src := c.ClientSecret; src != nil {
		o.ClientSecret = func() (string, error) {
			s, err := src.Fetch(context.Background())
			return s.Reveal(), err
		}
	}
	var err error
	if g.pages == nil {
		g.pages, err = console.New(g.ctx, o)
		if err == nil {
			g.console.Set(g.pages.Handler())
		}
	} else {
		err = g.pages.Configure(o)
	}
	if err != nil {
		g.o.Logger.Error("server: the console is not available", "error", err)
	}
}
