// Command demo plays the tour of the product on real parts: a scratch
// PostgreSQL, a throw-away OpenID provider, and the gateway itself. It is what
// `make demo`, `make demo-check` and `make demo-crewai` run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	check := flag.Bool("check", false, "play unattended; exit 1 unless everything promised was seen")
	crew := flag.Bool("crewai", false, "a real crew instead of the tour")
	stay := flag.Bool("stay", false, "no tour: only the playground, until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, *check, *crew, *stay)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, check, crew, stay bool) int {
	n := newNarrator(check)
	s, err := setUp(ctx, n)
	defer func() {
		n.say("\nTaking everything down …")
		s.takeDown()
	}()
	if err == nil && !stay {
		if crew {
			err = playCrew(ctx, n, s)
		} else {
			err = playTour(ctx, n, s, check)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return 1
		}
		fmt.Fprintln(os.Stderr, "demo:", err)
		fmt.Fprintf(os.Stderr, "The end of the gateway's log:\n%s\n", s.tail(15))
		return 1
	}
	if len(n.failed) > 0 {
		fmt.Fprintf(os.Stderr, "\n%d seen, %d NOT SEEN:\n", n.seen, len(n.failed))
		for _, f := range n.failed {
			fmt.Fprintln(os.Stderr, "  "+f)
		}
		if check {
			fmt.Fprintf(os.Stderr, "The end of the gateway's log:\n%s\n", s.tail(15))
		}
		return 1
	}
	if check {
		n.say("\n%d of %d seen.", n.seen, n.seen)
		return 0
	}
	if !crew {
		playground(n, s)
		<-ctx.Done()
	}
	return 0
}

// playground says what to click and what to type.
func playground(n *narrator, s *stage) {
	n.say(`
%s
  Everything stays up until Ctrl-C. In another terminal:

    source %s/demo.env
    psql "$SLUICE_PG" -c 'SELECT * FROM customers'          # masked
    psql "$SLUICE_PG" -c 'DELETE FROM orders WHERE id=105'  # held: approve it here:
    bin/sluice holds list                                   # by the admin socket
    SLUICE_TOKEN=$TOKEN_APPROVER bin/sluice --gateway $CONSOLE_URL approve TICKET
    bin/sluice sessions list
    bin/sluice plan
    $EDITOR $SLUICE_CONFIG                                  # saved is live
    bin/sluice audit verify

  Console: %s   (log in as Dana, the DBA, with one click)`, n.paint("1", "── Your turn "), s.dir, s.webURL)
}
