package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/sdk"
)

func (a *app) pluginNew() *cobra.Command {
	var language, dir string
	c := &cobra.Command{
		Use: "new --lang LANGUAGE NAME", Short: "Write a plugin that builds, with its tests and the SDK", Args: cobra.ExactArgs(1),
		Long: "Writes a plugin into the folder NAME: a program that finds a code name in values, vectors that test it, and the SDK.\n" +
			"It builds without a network (AssemblyScript needs its compiler from npm first); its README.md says how.\n" +
			"Languages: " + strings.Join(sdk.Languages, ", ") + ".",
		RunE: func(c *cobra.Command, args []string) error {
			name := args[0]
			if language == "" {
				return wrong("--lang is missing: one of %s", strings.Join(sdk.Languages, ", "))
			}
			if dir == "" {
				dir = name
			}
			files, err := sdk.New(dir, language, name)
			if errors.Is(err, sdk.ErrUsage) {
				return &exit{exitUsage, err}
			}
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(struct {
					Folder string   `json:"folder"`
					Files  []string `json:"files"`
				}{dir, files})
			}
			for _, f := range files {
				if !strings.HasPrefix(f, "sluice-sdk/") {
					fmt.Fprintf(a.out, "  %s/%s\n", dir, f)
				}
			}
			fmt.Fprintf(a.out, "  %s/sluice-sdk/\n\nNext: cd %s && %s && sluice plugin test .\n", dir, dir, buildCommand(language))
			return nil
		},
	}
	c.Flags().StringVar(&language, "lang", "", strings.Join(sdk.Languages, ", "))
	c.Flags().StringVar(&dir, "dir", "", "the folder to write into, which must be new or empty; NAME if absent")
	return c
}

func buildCommand(language string) string {
	if language == "assemblyscript" {
		return "npm install && npm run build"
	}
	return "make"
}
