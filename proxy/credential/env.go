package credential

import (
	"context"
	"fmt"
	"os"
)

// Env is a secret in an environment variable, read at each Fetch.
func Env(name string) Source { return env(name) }

type env string

func (e env) Fetch(context.Context) (Secret, error) {
	v := os.Getenv(string(e))
	switch {
	case v == "":
		return Secret{}, fmt.Errorf("credential: %s: it is not set, or empty: set it where the gateway is started", e)
	case len(v) > maxSecret:
		return Secret{}, fmt.Errorf("credential: %s: it is longer than %d bytes", e, maxSecret)
	}
	return NewSecret(v), nil
}

func (e env) String() string { return "env " + string(e) }
