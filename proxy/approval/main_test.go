package approval_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if runVictim() {
		return
	}
	goleak.VerifyTestMain(m)
}
