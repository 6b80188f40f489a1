package commands

import (
	"strings"
	"testing"

	"sluice.dev/proxy/protocol/redis/resp"
)

// described is one command as a server answers COMMAND, with one key spec.
func described(name, flags, begin, find string) string {
	texts := func(words string) string {
		list := strings.Fields(words)
		out := "*" + string(rune('0'+len(list))) + "\r\n"
		for _, w := range list {
			out += "+" + w + "\r\n"
		}
		return out
	}
	spec := "*6\r\n+flags\r\n" + texts(flags) + "+begin_search\r\n*4\r\n+type\r\n+" + begin + "+find_keys\r\n*4\r\n+type\r\n+" + find
	return "*10\r\n+" + name + "\r\n:-2\r\n*0\r\n:1\r\n:1\r\n:1\r\n*0\r\n*0\r\n*1\r\n" + spec + "*0\r\n"
}

const (
	second = "index\r\n+spec\r\n*2\r\n+index\r\n:1\r\n"
	one    = "range\r\n+spec\r\n*6\r\n+lastkey\r\n:0\r\n+keystep\r\n:1\r\n+limit\r\n:0\r\n"
	wrong  = "keynum\r\n+spec\r\n*6\r\n+keynumidx\r\n:-9\r\n+firstkey\r\n:-9\r\n+keystep\r\n:9223372036854775807\r\n"
)

func table(t *testing.T, answer string) Table {
	t.Helper()
	v, err := resp.Parse([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	all, err := Parse(v)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestKeys(t *testing.T) {
	all := table(t, "*2\r\n"+described("get", "RO access", second, one)+described("odd", "RO access", second, wrong))
	args := [][]byte{[]byte("GET"), []byte("k"), []byte("2")}
	if keys, sure := all.Find(args).Keys(args); !sure || len(keys) != 1 || keys[0] != (Key{Index: 1, Access: true}) {
		t.Errorf("%v, sure %v", keys, sure)
	}
	args[0] = []byte("odd")
	if keys, sure := all.Find(args).Keys(args); sure || len(keys) > 0 { // a spec that points outside says nothing
		t.Errorf("%v, sure %v", keys, sure)
	}
}

// FuzzKeys: whatever a server says of its commands, a key is an argument.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("*1\r\n"+described("get", "RO access", second, one)), "get\x00k")
	f.Add([]byte("*1\r\n"+described("odd", "RW", second, wrong)), "odd\x001\x002\x003")
	f.Fuzz(func(t *testing.T, answer []byte, request string) {
		v, err := resp.Parse(answer)
		if err != nil {
			return
		}
		all, err := Parse(v)
		if err != nil {
			return
		}
		var args [][]byte
		for _, a := range strings.Split(request, "\x00") {
			args = append(args, []byte(a))
		}
		c := all.Find(args)
		if c == nil {
			return
		}
		keys, _ := c.Keys(args)
		for _, k := range keys {
			if k.Index < 1 || k.Index >= len(args) {
				t.Fatalf("key %d of %d arguments", k.Index, len(args))
			}
		}
	})
}
