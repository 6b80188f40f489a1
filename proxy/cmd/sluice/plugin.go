package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/plugin"
)

func (a *app) plugin() *cobra.Command {
	return group("plugin", "Make, test, sign and look into plugins",
		a.pluginBench(),
		a.pluginConformance(),
		a.pluginInspect(),
		a.pluginNew(),
		a.pluginReplay(),
		a.pluginRun(),
		a.pluginSign(),
		a.pluginTest(),
		a.pluginVerify(),
	)
}

// pluginRuntime is a runtime for tools: with the user's cache of compiled
// modules, and pseudonyms under a key that nobody else has.
func (a *app) pluginRuntime(ctx context.Context, limits plugin.Limits) (*plugin.Runtime, func(), error) {
	cache := ""
	if dir, err := os.UserCacheDir(); err == nil {
		cache = filepath.Join(dir, "sluice", "compiled")
	}
	r, err := plugin.NewRuntime(ctx, plugin.Options{CacheDir: cache, Logger: a.logger(0), Pseudonym: toolPseudonym, Limits: limits})
	if err != nil {
		return nil, nil, err
	}
	return r, func() { _ = r.Close(context.WithoutCancel(ctx)) }, nil
}

// toolPseudonym stands for the gateway's keyed pseudonyms: what a tool prints
// is nobody's.
func toolPseudonym(kind, _ string, value []byte) []byte {
	return fmt.Appendf(nil, "%s-%d", kind, len(value))
}

// readModule reads a module's file.
func readModule(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, &exit{exitNoReach, err}
	}
	return b, nil
}
