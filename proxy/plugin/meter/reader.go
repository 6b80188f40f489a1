package meter

import (
	"fmt"
	"unicode/utf8"
)

// reader walks a part of the module. It panics with *Error where the bytes end
// or are malformed; Rewrite turns that into its result.
type reader struct {
	b    []byte // the whole module
	off  int
	end  int // the part ends here
	what string
}

func (r *reader) fail(format string, args ...any) {
	panic(&Error{r.off, r.what + fmt.Sprintf(format, args...)})
}

func (r *reader) more() bool { return r.off < r.end }

func (r *reader) byte() byte {
	if r.off >= r.end {
		r.fail("ends early")
	}
	c := r.b[r.off]
	r.off++
	return c
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > r.end-r.off {
		r.fail("ends early: %d bytes wanted, %d left", n, r.end-r.off)
	}
	b := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// u32 reads an unsigned LEB128 of at most 32 bits (WebAssembly core 5.2.2).
func (r *reader) u32() uint32 {
	if r.off < r.end {
		if c := r.b[r.off]; c < 0x80 { // nearly always
			r.off++
			return uint32(c)
		}
	}
	var v uint32
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		if shift == 28 && c > 0x0f {
			r.off--
			r.fail("number does not fit 32 bits")
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
}

// count reads the length of a vector whose elements have at least one byte.
func (r *reader) count(what string) int {
	n := r.u32()
	if int64(n) > int64(r.end-r.off) {
		r.fail("%d %s do not fit the section", n, what)
	}
	return int(n)
}

// signed skips a signed LEB128 of at most bits bits and returns it.
func (r *reader) signed(bits uint) int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		v |= int64(c&0x7f) << min(shift, 63)
		if shift+7 >= bits {
			// The last byte: unused bits repeat the sign.
			used := bits - shift
			top := int8(c<<1) >> used // sign and unused bits, c<<1 drops the continuation
			if c >= 0x80 || (top != 0 && top != -1) {
				r.off--
				r.fail("number does not fit %d bits", bits)
			}
		}
		if c < 0x80 {
			if shift += 7; shift < 64 && c&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
}

func (r *reader) name() string {
	n := r.u32()
	if int64(n) > int64(r.end-r.off) {
		r.fail("name ends early")
	}
	b := r.take(int(n))
	if !utf8.Valid(b) {
		r.fail("name is not UTF-8")
	}
	return string(b)
}

// sub returns a reader of the next n bytes and skips them.
func (r *reader) sub(n uint32, what string) *reader {
	if int64(n) > int64(r.end-r.off) {
		r.fail("%s of %d bytes does not fit, %d left", what, n, r.end-r.off)
	}
	s := &reader{b: r.b, off: r.off, end: r.off + int(n), what: what + ": "}
	r.off += int(n)
	return s
}

func (r *reader) done() {
	if r.off != r.end {
		r.fail("%d bytes too many", r.end-r.off)
	}
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s string) []byte {
	b = appendU32(b, uint32(len(s)))
	return append(b, s...)
}
