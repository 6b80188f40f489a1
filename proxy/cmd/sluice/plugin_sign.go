package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/plugin"
)

func (a *app) pluginSign() *cobra.Command {
	var keyFile, outFile string
	newKey := false
	c := &cobra.Command{
		Use: "sign MODULE", Short: "Sign a module with an ed25519 key", Args: cobra.ExactArgs(1),
		Long: "Signs a module, in place unless --out is given; a signature that it had is replaced. The key is PEM (PKCS #8),\nas `openssl genpkey -algorithm ed25519` makes it; with --new-key it is made here, and its public half in FILE.pub.\nOperators name the public half: signed_by = \"keys/security.pub\".",
		RunE: func(_ *cobra.Command, args []string) error {
			if keyFile == "" {
				return wrong("plugin sign needs --key FILE")
			}
			if newKey {
				if err := makeKey(keyFile); err != nil {
					return err
				}
			}
			pem, err := os.ReadFile(keyFile)
			if err != nil {
				return &exit{exitNoReach, err}
			}
			key, err := plugin.ParsePrivateKey(pem)
			if err != nil {
				return fmt.Errorf("%s: %w", keyFile, err)
			}
			wasm, err := readModule(args[0])
			if err != nil {
				return err
			}
			if len(wasm) < 8 || string(wasm[:4]) != "\x00asm" {
				return fmt.Errorf("%s is no WebAssembly module", args[0])
			}
			signed := plugin.Sign(wasm, key)
			if outFile == "" {
				outFile = args[0]
			}
			if err := replaceFile(outFile, signed, 0o644); err != nil {
				return err
			}
			public, _ := key.Public().(ed25519.PublicKey)
			if a.json() {
				return a.printJSON(map[string]string{"file": outFile, "sha256": plugin.DigestOf(signed), "key": plugin.KeyID(public)})
			}
			fmt.Fprintf(a.out, "%s is signed by key %s\nsha256 %s\n", outFile, plugin.KeyID(public), plugin.DigestOf(signed))
			return nil
		},
	}
	c.Flags().StringVar(&keyFile, "key", "", "the private key")
	c.Flags().StringVar(&outFile, "out", "", "where the signed module goes; else in place")
	c.Flags().BoolVar(&newKey, "new-key", false, "make the key first, and FILE.pub; a file that is there is not overwritten")
	return c
}

func (a *app) pluginVerify() *cobra.Command {
	var keyFile string
	c := &cobra.Command{
		Use: "verify MODULE", Short: "Check a module's signature", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if keyFile == "" {
				return wrong("plugin verify needs --key FILE, the public key")
			}
			pem, err := os.ReadFile(keyFile)
			if err != nil {
				return &exit{exitNoReach, err}
			}
			key, err := plugin.ParsePublicKey(pem)
			if err != nil {
				return fmt.Errorf("%s: %w", keyFile, err)
			}
			wasm, err := readModule(args[0])
			if err != nil {
				return err
			}
			bad := plugin.Verify(wasm, key)
			if a.json() {
				out := struct {
					Signed bool   `json:"signed"`
					Why    string `json:"why,omitempty"`
					Key    string `json:"key"`
					SHA256 string `json:"sha256"`
				}{bad == nil, "", plugin.KeyID(key), plugin.DigestOf(wasm)}
				if bad != nil {
					out.Why = bad.Error()
				}
				if err := a.printJSON(out); err != nil {
					return err
				}
				if bad != nil {
					return &exit{exitNotSo, errSilent}
				}
				return nil
			}
			if bad != nil {
				return fmt.Errorf("%s: %w (key %s)", args[0], bad, plugin.KeyID(key))
			}
			fmt.Fprintf(a.out, "%s is signed by key %s\nsha256 %s\n", args[0], plugin.KeyID(key), plugin.DigestOf(wasm))
			return nil
		},
	}
	c.Flags().StringVar(&keyFile, "key", "", "the public key")
	return c
}

// makeKey writes a private key and its public half beside it.
func makeKey(path string) error {
	private, public, err := plugin.NewKey()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path string
		b    []byte
		mode fs.FileMode
	}{{path, private, 0o600}, {path + ".pub", public, 0o644}} {
		w, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
		if err != nil {
			return err
		}
		_, err = w.Write(f.b)
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
	}
	return nil
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, b []byte, mode fs.FileMode) error {
	w, err := os.CreateTemp(filepath.Dir(path), ".sluice-*")
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	err = errors.Join(err, w.Chmod(mode), w.Close())
	if err == nil {
		err = os.Rename(w.Name(), path)
	}
	if err != nil {
		_ = os.Remove(w.Name())
	}
	return err
}
