package postgres

import (
	"bytes"
	"slices"
	"testing"

	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// plans are the treatments that the targets below cut their plans from.
var plans = []cellPlan{
	{},
	{treatment: mask.Treatment{Action: mask.Redact}, ty: typeInfo{family: familyText}},
	{treatment: mask.Treatment{Action: mask.Partial}, ty: typeInfo{family: familyText}},
	{treatment: mask.Treatment{Action: mask.Null}, ty: typeInfo{family: familyText}},
	{treatment: mask.Treatment{Action: mask.Hash}, ty: typeInfo{family: familyJSON}},
	{treatment: mask.Treatment{Action: mask.Redact}, ty: typeInfo{family: familyInt, width: 4}},
	{treatment: mask.Treatment{Action: mask.Pseudonym}, ty: typeInfo{family: familyInt, width: 4}},
	{treatment: mask.Treatment{Action: mask.Redact}, ty: typeInfo{family: familyText}, derived: true},
	{treatment: mask.Treatment{Action: mask.Null}, ty: typeInfo{family: familyInt}, derived: true},
	{},
}

func planOf(choice []byte) []cellPlan {
	out := make([]cellPlan, min(len(choice), 40))
	for i := range out {
		out[i] = plans[int(choice[i])%len(plans)]
	}
	return out
}

func noScope(string) string { return "s" }

// treated is what a row becomes, cell by cell.
func treated(k *mask.Key, plan []cellPlan, cells [][]byte) [][]byte {
	out := make([][]byte, len(cells))
	for i, p := range plan {
		switch {
		case p.treatment.Action == mask.None:
			out[i] = cells[i]
		case p.derived:
			out[i] = derivedCell(p)
		default:
			out[i] = treat(k, p.treatment, "s", p.ty, p.format, cells[i])
		}
	}
	return out
}

// FuzzEditRow holds the edited row against one that is taken apart and put
// together again, and what is no row against an error.
func FuzzEditRow(f *testing.F) {
	f.Add([]byte{1, 0, 7}, wire.AppendRow(nil, [][]byte{[]byte("ann@example.com"), []byte("x"), nil})[wire.HeaderSize:])
	f.Add([]byte{5, 6, 8, 4}, wire.AppendRow(nil, [][]byte{[]byte("12"), []byte("34"), {}, []byte("{}")})[wire.HeaderSize:])
	f.Add([]byte{}, []byte{0, 0})
	f.Add([]byte{1}, []byte{0, 1, 0x80, 0, 0, 0})
	key := mask.NewKey([]byte("k"))
	f.Fuzz(func(t *testing.T, choice, body []byte) {
		r := rowMasker{plan: planOf(choice)}
		before := []byte("before")
		got, _, err := r.edit(bytes.Clone(before), body, key, noScope)
		cells, bad := wire.Cells(nil, body)
		if bad != nil || len(cells) != len(r.plan) {
			if err == nil || !bytes.Equal(got, before) {
				t.Fatalf("no row of %d cells, and %v with %q", len(r.plan), err, got)
			}
			return
		}
		if want := wire.AppendRow(before, treated(key, r.plan, cells)); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\ngot  %q\nwant %q", err, got, want)
		}
	})
}

// FuzzEditCopy does the same for lines of COPY's text format. What is not
// masked is copied as it stands, so the fields are compared, and the bytes
// where nothing is masked.
func FuzzEditCopy(f *testing.F) {
	f.Add([]byte{1, 0, 7}, []byte("ann@example.com\tx\\ty\t\\N\na\tb\tc\n"))
	f.Add([]byte{0, 9}, []byte("a\\\\\tb\n\\N\t\n"))
	f.Add([]byte{3}, []byte("\\N\n"))
	f.Add([]byte{0}, []byte("\n"))
	key := mask.NewKey([]byte("k"))
	f.Fuzz(func(t *testing.T, choice, body []byte) {
		c := copyMasker{spec: &copySpec{format: "text", delimiter: '\t', null: `\N`}, plan: planOf(choice)}
		if len(c.plan) == 0 {
			return
		}
		out, rows, masked, ok := c.editText(nil, body, key, noScope)
		if !ok {
			if len(out) > 0 {
				t.Fatalf("%q was appended and taken back", out)
			}
			return
		}
		got, n := out[wire.HeaderSize:], int64(0)
		if masked == 0 && !bytes.Equal(got, body) {
			t.Fatalf("nothing was masked: %q became %q", body, got)
		}
		for rest := body; len(rest) > 0; n++ {
			was, used, _ := c.spec.nextText(rest, true)
			is, after, _ := c.spec.nextText(got, true)
			rest, got = rest[used:], got[after:]
			want := treated(key, c.plan, was)
			if !slices.EqualFunc(is, want, func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }) {
				t.Fatalf("line %d: %q became %q, want %q", n, was, is, want)
			}
		}
		if n != rows || len(got) > 0 {
			t.Fatalf("%d rows were counted, there are %d, and %q behind them", rows, n, got)
		}
	})
}
