package config_test

import (
	"testing"

	"sluice.dev/proxy/config"
)

func TestX(t *testing.T) {
	c, err := config.Load("testdata/contract.hcl")
	if err != nil {
		if ce, ok := err.(*config.Error); ok {
			ce.Print(t.Output(), 0, false)
		}
		t.Fatal(err)
	}
	t.Log("\n" + c.Redacted())
	t.Log(c.Files(), c.Warnings)
	for _, ch := range config.Compare(nil, c) {
		t.Log("\n" + ch.String())
	}
}
