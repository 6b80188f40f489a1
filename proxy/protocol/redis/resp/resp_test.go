package resp

import (
	"bytes"
	"errors"
	"testing"
)

var limits = Limits{Args: 8, Bytes: 1 << 10}

func TestRequest(t *testing.T) {
	for in, want := range map[string]int{
		"*1\r\n$4\r\nPING\r\n": 1, "*0\r\n": 0, "*-1\r\n": 0, "*2\r\n$3\r\nGET\r\n$0\r\n\r\n": 2,
	} {
		args, n, _, err := Request([]byte(in), nil, limits)
		if err != nil || n != len(in) || len(args) != want {
			t.Errorf("%q: %q, %d, %v", in, args, n, err)
		}
		for cut := range in {
			if _, n, need, err := Request([]byte(in[:cut]), nil, limits); n != 0 || err != nil || need <= cut {
				t.Errorf("%q: %d, needs %d, %v", in[:cut], n, need, err)
			}
		}
	}
	for _, in := range []string{"PING\r\n", "*+1\r\n", "*01\r\n", "*9\r\n", "*1\r\n$536870912\r\n", "*1\r\n$-1\r\n", "*1\r\n:1\r\n", "*1\r\n$1\r\nabc",
		"*99999999999999999999\r\n", "*1\n", "*1\r\n$1 \r\n"} {
		_, n, _, err := Request([]byte(in), nil, limits)
		var e *Error
		if n != 0 || !errors.As(err, &e) {
			t.Errorf("%q: %d, %v", in, n, err)
		}
	}
}

var replies = []string{"+OK\r\n", "-ERR no\r\n", ":-7\r\n", "$-1\r\n", "$3\r\na\r\n\r\n", "*-1\r\n", "*0\r\n", "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
	"%1\r\n+k\r\n~2\r\n#t\r\n_\r\n", "|1\r\n+ttl\r\n:1\r\n=7\r\ntxt:abc\r\n", ">2\r\n+x\r\n,1.5\r\n", "(123\r\n", "!5\r\nERR x\r\n"}

func TestReply(t *testing.T) {
	for _, in := range replies {
		v, err := Parse([]byte(in))
		if err != nil || string(v.Raw) != in {
			t.Errorf("%q: %+v, %v", in, v, err)
		}
		for cut := range in {
			var s Scanner
			n, done, err := s.Scan([]byte(in[:cut]))
			if done || err != nil {
				t.Fatalf("%q: done %v, %v", in[:cut], done, err)
			}
			m, done, err := s.Scan([]byte(in[n:] + "+next\r\n"))
			if !done || err != nil || n+m != len(in) {
				t.Fatalf("%q after %q: %d, done %v, %v", in[n:], in[:cut], m, done, err)
			}
		}
	}
	var s Scanner
	for _, in := range [][]byte{[]byte("?1\r\n"), bytes.Repeat([]byte("*1\r\n"), maxDepth+1), []byte("$?\r\n")} {
		s.Reset()
		if _, done, err := s.Scan(in); done || err == nil {
			t.Errorf("%.20q: done %v, %v", in, done, err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		args, n, need, err := Request(b, nil, limits)
		if err == nil && n == 0 && need <= len(b) {
			t.Fatalf("needs %d of %d bytes", need, len(b))
		}
		if n == 0 || len(args) == 0 {
			return
		}
		var again []string
		for _, a := range args {
			again = append(again, string(a))
		}
		if !bytes.Equal(Append(nil, again...), b[:n]) {
			t.Fatalf("%q is read as %q", b[:n], again)
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, r := range replies {
		f.Add([]byte(r), 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		var whole, parts Scanner
		n, done, err := whole.Scan(b)
		if cut < 0 || cut > len(b) {
			return
		}
		first, early, err1 := parts.Scan(b[:cut])
		if err1 == nil && !early {
			m, late, err2 := parts.Scan(b[first:])
			if late != done || (err2 == nil) != (err == nil) || done && first+m != n {
				t.Fatalf("in two %d+%d %v %v, whole %d %v %v", first, m, late, err2, n, done, err)
			}
		}
		if done && err == nil {
			Parse(b[:n]) //nolint:errcheck // must not panic
		}
	})
}
