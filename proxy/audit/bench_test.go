package audit

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime reports the process's user and system time for each operation from
// here on, which says more than the clock on a machine that others use, too.
func cpuTime(b *testing.B) (report func()) {
	b.Helper()
	now := func() int64 {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	began := now()
	return func() { b.ReportMetric(float64(now()-began)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkEncode(b *testing.B) {
	r := intentRecord(1)
	s := stamp{origin: testOrigin, now: time.Now()}
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	defer cpuTime(b)()
	for b.Loop() {
		out, err := appendRecord(buf, r, &s)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}

// BenchmarkAppend is what a session pays: encode, hash, queue.
func BenchmarkAppend(b *testing.B) {
	l := benchLog(b)
	r := plainIntent(1)
	r.Command = ""
	b.ReportAllocs()
	defer cpuTime(b)()
	for b.Loop() {
		if _, err := l.Append(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDurable is append and wait, by some sessions at a time.
func BenchmarkDurable(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			l := benchLog(b)
			b.SetParallelism(writers)
			b.ReportAllocs()
			defer cpuTime(b)()
			b.RunParallel(func(pb *testing.PB) {
				r := plainIntent(1)
				r.Command = ""
				for pb.Next() {
					s, err := l.Append(r)
					if err == nil {
						err = l.Wait(context.Background(), s)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(l.Stats().Size)/float64(l.Stats().Batches), "records/write")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	o := testOptions()
	o.SegmentSize = 0
	l, err := Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	const n = 50000
	for i := range n / 2 {
		for _, r := range []*Record{intentRecord(i), resultRecord(i)} {
			if _, err := l.Append(r); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := Verify(dir, []string{l.VKey()}, VerifyOptions{})
		if err != nil || !r.OK {
			b.Fatalf("%v %s", err, r)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func benchLog(b *testing.B) *Log {
	b.Helper()
	o := testOptions()
	o.SegmentSize, o.CheckpointEvery = 0, 0
	l, err := Open(b.TempDir(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}
