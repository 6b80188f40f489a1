package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// checkpoint is the signed head of the tree (C2SP tlog-checkpoint): origin,
// size and root, one a line, no extension lines.
type checkpoint struct {
	origin string
	size   uint64
	root   tlog.Hash
}

const maxCheckpoint = 16 << 10 // bytes of a signed checkpoint, cosignatures included

func (c *checkpoint) sign(s note.Signer) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", c.origin, c.size, base64.StdEncoding.EncodeToString(c.root[:]))
	return note.Sign(&note.Note{Text: text}, s)
}

// openCheckpoint checks the signature and reads the text strictly.
func openCheckpoint(b []byte, known note.Verifiers) (checkpoint, error) {
	var c checkpoint
	if len(b) > maxCheckpoint {
		return c, fmt.Errorf("audit: a checkpoint of %d bytes, the limit is %d", len(b), maxCheckpoint)
	}
	n, err := note.Open(b, known)
	if err != nil {
		var unverified *note.UnverifiedNoteError
		if errors.As(err, &unverified) {
			names := make([]string, 0, len(unverified.Note.UnverifiedSigs))
			for _, s := range unverified.Note.UnverifiedSigs {
				names = append(names, fmt.Sprintf("%s+%08x", s.Name, s.Hash))
			}
			return c, fmt.Errorf("audit: the checkpoint is signed by an unknown key (%s)", strings.Join(names, ", "))
		}
		return c, fmt.Errorf("audit: the checkpoint's signature: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return c, errors.New("audit: a checkpoint has three lines: origin, size, root")
	}
	if err := checkOrigin(lines[0]); err != nil {
		return c, err
	}
	size, err := strconv.ParseUint(lines[1], 10, 53)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return c, fmt.Errorf("audit: the checkpoint's size %q is not a number within 2^53", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return c, errors.New("audit: the checkpoint's root is not a SHA-256 in base64")
	}
	signed := false
	for _, s := range n.Sigs {
		signed = signed || s.Name == lines[0]
	}
	if !signed {
		return c, fmt.Errorf("audit: the checkpoint of %q is not signed by a key of that name", lines[0])
	}
	c.origin, c.size = lines[0], size
	copy(c.root[:], root)
	return c, nil
}

func verifiers(vkeys []string) (note.Verifiers, error) {
	list := make([]note.Verifier, 0, len(vkeys))
	for _, k := range vkeys {
		v, err := note.NewVerifier(strings.TrimSpace(k))
		if err != nil {
			return nil, fmt.Errorf("audit: verifier key %q: %w", k, err)
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, errors.New("audit: no verifier key: pass the line that the gateway wrote to its log's vkey file")
	}
	return note.VerifierList(list...), nil
}
