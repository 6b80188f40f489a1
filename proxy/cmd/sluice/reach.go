package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"

	"sluice.dev/proxy/server"
	"sluice.dev/proxy/server/api"
)

// client reaches a running gateway: by --gateway with the caller's token, else by the admin socket.
func (a *app) client() (*api.Client, error) {
	if a.gateway == "" {
		dir, err := dataDir(a.config)
		if err != nil {
			return nil, err
		}
		return api.Over(filepath.Join(dir, server.SocketName)), nil
	}
	token := os.Getenv("SLUICE_TOKEN")
	if a.tokenFile != "" {
		b, err := os.ReadFile(a.tokenFile)
		if err != nil {
			return nil, &exit{exitNoReach, fmt.Errorf("token: %w", err)}
		}
		token = string(b)
	}
	if token = strings.TrimSpace(token); token == "" {
		return nil, wrong("--gateway needs a token: set SLUICE_TOKEN or give --token-file")
	}
	c, err := api.At(a.gateway, token)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return c, nil
}

// dataDir reads nothing of the configuration but gateway.data_dir, so that a gateway can be asked while its
// configuration is being edited and does not load.
func dataDir(path string) (string, error) {
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		return "", &exit{exitNoReach, fmt.Errorf("config: %w; give --config, or --gateway URL", err)}
	} else if info.IsDir() {
		files = nil
		for _, pattern := range []string{"*.hcl", "*.hcl.json"} {
			found, err := filepath.Glob(filepath.Join(path, pattern))
			if err != nil {
				return "", fmt.Errorf("config: %w", err)
			}
			files = append(files, found...)
		}
	}
	for _, file := range files {
		if dir, ok := dataDirIn(file); ok {
			return dir, nil
		}
	}
	return "", &exit{exitNoReach, fmt.Errorf("config: %s: no gateway block can be read; mend it, or give --gateway URL", path)}
}

// dataDirIn returns gateway.data_dir, relative to the file, and whether the file has a gateway block. It reads what it
// can of a broken file.
func dataDirIn(file string) (string, bool) {
	p := hclparse.NewParser()
	var parsed *hcl.File
	if strings.HasSuffix(file, ".json") {
		parsed, _ = p.ParseJSONFile(file)
	} else {
		parsed, _ = p.ParseHCLFile(file)
	}
	if parsed == nil || parsed.Body == nil {
		return "", false
	}
	top, _, _ := parsed.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "gateway"}}})
	if top == nil || len(top.Blocks) == 0 {
		return "", false
	}
	dir := "data"
	block, _, _ := top.Blocks[0].Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "data_dir"}}})
	if block != nil && block.Attributes["data_dir"] != nil {
		v, diags := block.Attributes["data_dir"].Expr.Value(nil)
		if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
			return "", false
		}
		dir = v.AsString()
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(file), dir)
	}
	return dir, true
}
