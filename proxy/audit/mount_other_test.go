//go:build !linux

package audit

import (
	"errors"
	"testing"
)

func mountTmpfs(string, int) error { return errors.ErrUnsupported }

func growTmpfs(string, int) error { return errors.ErrUnsupported }

func mountExt4(string, int) error { return errors.ErrUnsupported }

func unmount(*testing.T, string) {}

func inNamespace(*testing.T, error) bool { return false }
