package postgres

import (
	"fmt"
	"slices"
	"strings"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

// viewKey is the last key that a lens made, and what of: every command asks for
// one, and it hardly ever changes.
type viewKey struct {
	text    string
	version uint64
	path    string
	role    string
	schema  string
	temp    []string
	unsure  bool
}

// key says what an analysis depends on besides its text.
func (l *lens) key(s *catalog.Snapshot) string {
	k, p, unsure := &l.of, &l.path, l.unsure || l.unsureTemp
	if k.text != "" && k.version == s.Version() && k.path == l.pathText && k.role == l.role && k.schema == p.TempSchema && k.unsure == unsure && slices.Equal(k.temp, p.Temp) {
		return k.text
	}
	*k = viewKey{version: s.Version(), path: l.pathText, role: l.role, schema: p.TempSchema, temp: slices.Clone(p.Temp), unsure: unsure}
	unknown := ""
	if unsure {
		unknown = "?"
	}
	k.text = fmt.Sprintf("%s\x00%d\x00%s\x00%s\x00%s\x00%s\x00%s", l.database, k.version, k.path, k.role, k.schema, strings.Join(k.temp, ","), unknown)
	return k.text
}
