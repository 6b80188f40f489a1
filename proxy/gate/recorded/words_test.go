package recorded

import "testing"

func TestMeaning(t *testing.T) {
	for path, want := range map[string]string{
		"command.writes":                     "writes",
		"connection.labels.environment":      "the connection's environment",
		"command.postgres.returns_protected": "returns protected",
		"command.redis.command":              "command", // whatever the protocol
		"session.id":                         "session.id",
		"command.digest":                     "command.digest",
	} {
		if got := meaning(path); got != want {
			t.Errorf("%s means %q, want %q", path, got, want)
		}
	}
}
