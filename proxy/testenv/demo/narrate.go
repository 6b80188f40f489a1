package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// narrator tells the tour: what happens, what was typed, what came back. When
// it checks, it also keeps count of what was seen.
type narrator struct {
	out    io.Writer
	colour bool
	pause  time.Duration // between scenes, so that a person can read
	failed []string
	seen   int
}

func newNarrator(check bool) *narrator {
	n := &narrator{out: os.Stdout, colour: term.IsTerminal(int(os.Stdout.Fd()))}
	if !check && n.colour {
		n.pause = 2 * time.Second
	}
	return n
}

func (n *narrator) paint(code, s string) string {
	if !n.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (n *narrator) scene(number int, title string) {
	time.Sleep(n.pause)
	fmt.Fprintf(n.out, "\n%s\n", n.paint("1;36", fmt.Sprintf("── %d. %s ", number, title)+strings.Repeat("─", max(2, 66-len(title)))))
}

func (n *narrator) say(format string, args ...any) {
	fmt.Fprintf(n.out, "%s\n", fmt.Sprintf(format, args...))
}

// typed shows what somebody typed.
func (n *narrator) typed(who, text string) {
	fmt.Fprintf(n.out, "%s %s\n", n.paint("1", who+">"), text)
}

// answer shows what came back.
func (n *narrator) answer(text string) {
	for _, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintf(n.out, "  %s\n", n.paint("2", l))
	}
}

// see notes something that the tour promises.
func (n *narrator) see(ok bool, what string, args ...any) {
	text := fmt.Sprintf(what, args...)
	if ok {
		n.seen++
		fmt.Fprintf(n.out, "  %s %s\n", n.paint("32", "✓"), text)
		return
	}
	n.failed = append(n.failed, text)
	fmt.Fprintf(n.out, "  %s %s\n", n.paint("31", "✗ NOT SEEN:"), text)
}

// table is rows as psql prints them.
func table(heads []string, rows [][]string) string {
	width := make([]int, len(heads))
	for i, h := range heads {
		width[i] = len([]rune(h))
	}
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, c := range cells {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(c + strings.Repeat(" ", width[i]-len([]rune(c))))
		}
		b.WriteString("\n")
	}
	line(heads)
	for i, w := range width {
		if i > 0 {
			b.WriteString("-+-")
		}
		b.WriteString(strings.Repeat("-", w))
	}
	b.WriteString("\n")
	for _, r := range rows {
		line(r)
	}
	return b.String()
}
