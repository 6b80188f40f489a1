package generation_test

import (
	"path/filepath"
	"testing"

	"sluice.dev/proxy/config"
)

// TestConfigsAreTrue loads every example configuration.
func TestConfigsAreTrue(t *testing.T) {
	files, err := filepath.Glob("../../configs/*.hcl")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %d configurations: %v", len(files), err)
	}
	for _, f := range files {
		if _, err := config.Load(f); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}
