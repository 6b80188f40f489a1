package sluice

import "testing"

// Whatever the bytes are, a run lies within them, or is none.
func FuzzReadRun(f *testing.F) {
	b := make([]byte, 90)
	for at, v := range map[int]uint32{0: 1, 4: 1, 8: 1, 12: 40, 16: 68, 20: 6, 24: 80, 28: 1, 32: 2, 72: 81, 76: 9} {
		putU32(b, at, v)
	}
	r, ok := ReadRun(b)
	if !ok || len(r.Value()) != 9 || len(r.State()) != 1 || r.From() != 2 || !r.First() || !r.Last() {
		f.Fatal(r, ok)
	}
	f.Add(b)
	f.Add(b[:85])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := ReadRun(b)
		if ok && (r.From() > len(r.Value()) || len(r.Value())+len(r.State()) > 2*len(b)) {
			t.Fatal(r)
		}
		if _, both := ReadBatch(b); both && ok {
			t.Fatal("a run and cells at once")
		}
	})
}
