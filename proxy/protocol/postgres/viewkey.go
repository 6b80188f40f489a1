package postgres

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

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
	doubt   uint64
	opaque  bool
}

// doubts counts, over all sessions, how often one lost sight of what names mean.
var doubts atomic.Uint64

// moves notes that names may mean something else from here on, until the
// server has been asked. What is worked out meanwhile holds for this very spell
// of doubt in this session: the next one may be about other names.
func (l *lens) moves() { l.doubt = doubts.Add(1) }

// doubtful says whether names may mean something else than the lens knows.
func (l *lens) doubtful() bool { return l.unsure || l.unsureTemp || l.stale }

// key says what an analysis depends on besides its text.
func (l *lens) key(s *catalog.Snapshot) string {
	k, p, doubt := &l.of, &l.path, uint64(0)
	opaque := p.TempOpaque && p.TempSchema != "" // else it says nothing
	if l.doubtful() {
		doubt = l.doubt
	}
	if k.text != "" && k.version == s.Version() && k.path == l.pathText && k.role == l.role && k.schema == p.TempSchema && k.opaque == opaque && k.doubt == doubt && slices.Equal(k.temp, p.Temp) {
		return k.text
	}
	*k = viewKey{version: s.Version(), path: l.pathText, role: l.role, schema: p.TempSchema, temp: slices.Clone(p.Temp), doubt: doubt, opaque: opaque}
	k.text = fmt.Sprintf("%s\x00%d\x00%s\x00%s\x00%s\x00%s\x00%d\x00%t", l.database, k.version, k.path, k.role, k.schema, strings.Join(k.temp, ","), doubt, opaque)
	return k.text
}
