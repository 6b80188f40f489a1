package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/policy"
)

func (a *app) policyNew() *cobra.Command {
	dir := "policies"
	c := &cobra.Command{
		Use: "new NAME", Short: "Write a new policy with a test that passes", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := policy.New(dir, args[0])
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]any{"policy": args[0], "files": files})
			}
			for _, f := range files {
				fmt.Fprintln(a.out, f)
			}
			fmt.Fprintf(a.out, "Next: sluice policy test %s\n", filepath.Join(dir, args[0]))
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", dir, "the folder in which the policy's own folder is made")
	return c
}

func (a *app) policyCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check [DIR|FILE…]", Short: "Check policies as a gateway would: types, shapes, builtins; and what their author hardly means",
		Long: "Loads each policy by itself and checks it against the schemas of what it is asked and what it says.\nNames of approvals and mask blocks are the configuration's: sluice validate checks those.",
		RunE: func(c *cobra.Command, paths []string) error {
			r, err := policy.Check(c.Context(), policyDirs(paths), policy.Options{})
			if err != nil {
				return a.policyError(err)
			}
			if a.json() {
				if err := a.printJSON(r); err != nil {
					return err
				}
			} else {
				for _, d := range r.Faults {
					fmt.Fprintln(a.out, strings.TrimPrefix(d.String(), "policy: "))
				}
				for _, d := range r.Warnings {
					fmt.Fprintln(a.out, "warning: "+strings.TrimPrefix(d.String(), "policy: "))
				}
				var rows [][]string
				for _, p := range r.Policies {
					cached := "cached"
					if !p.Cacheable {
						cached = "not cached: " + p.NotCached
					}
					rows = append(rows, []string{p.Policy, p.Folder, strings.Join(p.Rules, ", "), cached})
				}
				if len(rows) > 0 {
					if err := a.table([]string{"POLICY", "FOLDER", "RULES", "DECISIONS"}, rows); err != nil {
						return err
					}
				}
				if n := len(r.Faults); n > 0 {
					fmt.Fprintf(a.out, "%d faults\n", n)
				}
			}
			if len(r.Faults) > 0 {
				return &exit{exitNotSo, errSilent}
			}
			return nil
		},
	}
}

func (a *app) policyFmt() *cobra.Command {
	check := false
	c := &cobra.Command{
		Use: "fmt [DIR|FILE…]", Short: "Write Rego in the canonical layout",
		RunE: func(_ *cobra.Command, paths []string) error {
			files, err := regoFiles(policyDirs(paths))
			if err != nil {
				return &exit{exitNoReach, err}
			}
			changed := []string{}
			for _, f := range files {
				src, err := os.ReadFile(f)
				if err != nil {
					return &exit{exitNoReach, err}
				}
				out, err := policy.Format(f, src)
				if err != nil {
					return a.policyError(err)
				}
				if string(out) == string(src) {
					continue
				}
				changed = append(changed, f)
				if !check {
					if err := os.WriteFile(f, out, 0o644); err != nil { //nolint:gosec // as it was
						return &exit{exitNoReach, err}
					}
				}
			}
			if a.json() {
				if err := a.printJSON(map[string]any{"changed": changed}); err != nil {
					return err
				}
			} else {
				for _, f := range changed {
					fmt.Fprintln(a.out, f)
				}
			}
			if check && len(changed) > 0 {
				return &exit{exitNotSo, errSilent}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing; exit 1 if a file would change")
	return c
}

// regoFiles are the files given, and those in the folders given.
func regoFiles(paths []string) (out []string, err error) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && p != path && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case !d.IsDir() && strings.HasSuffix(p, ".rego"):
				out = append(out, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("policy: no .rego file in %s", strings.Join(paths, ", "))
	}
	return out, nil
}
