package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sluice.dev/proxy/audit"
)

func (a *app) audit() *cobra.Command {
	return group("audit", "Check and read the audit log", a.auditVerify(), a.auditShow())
}

// auditDir is where the log of a configuration is.
func (a *app) auditDir(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	data, err := dataDir(a.config)
	return filepath.Join(data, "audit"), err
}

func (a *app) auditVerify() *cobra.Command {
	var dir, recordings string
	var keys, anchors []string
	c := &cobra.Command{
		Use: "verify", Short: "Check the log offline: signatures, tree, records, approvals, recordings", Args: cobra.NoArgs,
		Long: "Checks a log offline. It exits 0 only if everything holds, and names the first record that does not.\nWithout --key the public key beside the log is trusted, which shows only that the log is consistent with it:\nauditors keep the key, and a checkpoint, elsewhere.",
		RunE: func(*cobra.Command, []string) error {
			d, err := a.auditDir(dir)
			if err != nil {
				return err
			}
			own := len(keys) == 0
			if own {
				b, err := os.ReadFile(filepath.Join(d, "vkey"))
				if err != nil {
					return &exit{exitNoReach, fmt.Errorf("audit: no public key beside the log: give --key: %w", err)}
				}
				keys = []string{strings.TrimSpace(string(b))}
			}
			o := audit.VerifyOptions{Recordings: recordings}
			if o.Recordings == "" {
				o.Recordings = filepath.Join(filepath.Dir(d), "rec")
			}
			for _, f := range anchors {
				b, err := os.ReadFile(f)
				if err != nil {
					return &exit{exitNoReach, err}
				}
				o.Anchors = append(o.Anchors, b)
			}
			r, err := audit.Verify(d, keys, o)
			if err != nil {
				return &exit{exitNoReach, err}
			}
			if a.json() {
				if err := a.printJSON(r); err != nil {
					return err
				}
			} else {
				fmt.Fprint(a.out, r)
				if own {
					fmt.Fprintln(a.out, "The key is the one beside the log: keep it elsewhere, and give it with --key.")
				}
			}
			if !r.OK {
				return &exit{exitNotSo, errSilent}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "dir", "", "the log's folder; else data_dir/audit of --config")
	f.StringVar(&recordings, "recordings", "", "the recordings' folder; else rec beside the log")
	f.StringArrayVar(&keys, "key", nil, "a public key of the log, as its file vkey has it; may be repeated")
	f.StringArrayVar(&anchors, "anchor", nil, "a checkpoint of the log that was kept elsewhere; may be repeated")
	return c
}

func (a *app) auditShow() *cobra.Command {
	var dir, session, command, event string
	last := 0
	c := &cobra.Command{
		Use: "show", Short: "Print records, one a line", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			d, err := a.auditDir(dir)
			if err != nil {
				return err
			}
			var kept [][]byte
			err = audit.Scan(d, func(s audit.Seq, raw []byte) error {
				var r struct {
					Event, Session, Command string
				}
				if err := json.Unmarshal(raw, &r); err != nil {
					return fmt.Errorf("record %d: %w", s-1, err)
				}
				if (session != "" && r.Session != session) || (command != "" && r.Command != command) || (event != "" && r.Event != event) {
					return nil
				}
				line := fmt.Appendf(nil, "%s\n", raw)
				if !a.json() {
					line = fmt.Appendf(nil, "%d %s\n", s-1, raw)
				}
				if last == 0 {
					_, err := a.out.Write(line)
					return err
				}
				if kept = append(kept, bytes.Clone(line)); len(kept) > last {
					kept = kept[1:]
				}
				return nil
			})
			if err != nil {
				return &exit{exitNoReach, err}
			}
			for _, line := range kept {
				if _, err := a.out.Write(line); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "dir", "", "the log's folder; else data_dir/audit of --config")
	f.StringVar(&session, "session", "", "only this session's")
	f.StringVar(&command, "cmd", "", "only this command's")
	f.StringVar(&event, "event", "", "only this event's, such as cmd.deny")
	f.IntVar(&last, "last", 0, "only the last N")
	return c
}
