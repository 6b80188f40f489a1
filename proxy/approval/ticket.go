package approval

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// alphabet has no 0 O 1 I L U: a ticket is read out on the phone.
const alphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

const ticketLetters = 6

// newTicket makes an id like HX4K-2Q. It is public, no secret: knowing it gives
// no right. There are 30^6 of them, so the caller checks for a collision.
func newTicket() string {
	// Letters beyond the largest multiple of 30 would come up more often.
	const fair = 256 - 256%len(alphabet)
	out := make([]byte, 0, ticketLetters+1)
	var b [1]byte
	for n := 0; n < ticketLetters; {
		_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
		if int(b[0]) >= fair {
			continue
		}
		if n == 4 {
			out = append(out, '-')
		}
		out = append(out, alphabet[int(b[0])%len(alphabet)])
		n++
	}
	return string(out)
}

// ParseTicket reads a ticket as people type it: any case, with or without the
// dash or a blank.
func ParseTicket(s string) (string, error) {
	if len(s) > 64 {
		return "", fmt.Errorf("approval: ticket of %d bytes: want one like HX4K-2Q: %w", len(s), ErrNotFound)
	}
	up := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(strings.TrimSpace(s)))
	if len(up) != ticketLetters || strings.Trim(up, alphabet) != "" {
		return "", fmt.Errorf("approval: %q is no ticket: want one like HX4K-2Q: %w", s, ErrNotFound)
	}
	return up[:4] + "-" + up[4:], nil
}
