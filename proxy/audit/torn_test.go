package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// tornLog is a log that crashed after some durable records, and the batch that
// was to come next.
func tornLog(t *testing.T) (dir string, durable Seq, at int, batch []byte) {
	t.Helper()
	dir = t.TempDir()
	l := open(t, dir, testOptions())
	fill(t, l, 0, 3)
	durable = mustAppend(t, l, plainIntent(3))
	if err := l.Wait(context.Background(), durable); err != nil {
		t.Fatal(err)
	}
	chain, index := l.w.chain, int(l.w.index)
	at = int(l.w.off)
	crash(t, l)
	for i := range 9 { // some blocks
		record := rawRecord(t, testOrigin, plainResult(index+i))
		leaf := tlog.RecordHash(record)
		chain = nextChain(&chain, &leaf)
		batch = appendFrame(batch, record, &chain, i == 0)
	}
	batch = append(batch, make([]byte, padBlock(len(batch))-len(batch))...)
	return dir, durable, at, batch
}

// frames counts the whole frames of a segment, and says whether more than a
// torn write is wrong with it.
func frames(b []byte) (n int, refused bool) {
	r := frameReader{b: b, off: block}
	for {
		if _, ok := r.next(); !ok {
			return n, r.bad != "" && batchAfter(b, r.off)
		}
		n++
	}
}

// TestTornAtEveryByte has the last batch end at each of its bytes, then each
// set of its sectors reach the disk in any order: no more is lost than the
// batch that nobody was told of, and no such state is taken for tampering.
func TestTornAtEveryByte(t *testing.T) {
	dir, durable, at, batch := tornLog(t)
	path := filepath.Join("wal", segmentName(0))
	whole := read(t, filepath.Join(dir, path))
	check := func(name string, b []byte) int {
		t.Helper()
		n, refused := frames(b)
		if n < int(durable) || refused {
			t.Fatalf("%s: %d records, %d were durable; taken for tampering: %t", name, n, durable, refused)
		}
		return n
	}
	for end := range len(batch) + 1 {
		b := append([]byte(nil), whole...)
		copy(b[at:], batch[:end])
		n := check(fmt.Sprintf("the first %d bytes", end), b)
		if end == len(batch) && n != int(durable)+9 {
			t.Fatalf("%d records in the whole batch", n)
		}
	}
	const sector = 512
	sectors := len(batch) / sector
	rng := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		b := append([]byte(nil), whole...)
		for i := range sectors {
			if rng.IntN(2) == 0 {
				copy(b[at+i*sector:], batch[i*sector:(i+1)*sector])
			}
		}
		check("some sectors", b)
	}
	// and a whole start from some of them
	for end := 0; end <= len(batch); end += 1531 {
		dir2, err := os.MkdirTemp(fastDir(t), "audit-torn-")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir2, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		b := append([]byte(nil), whole...)
		copy(b[at:], batch[:end])
		write(t, filepath.Join(dir2, path), b)
		afterCrash(t, dir2, durable)
		if err := os.RemoveAll(dir2); err != nil {
			t.Fatal(err)
		}
	}
}
