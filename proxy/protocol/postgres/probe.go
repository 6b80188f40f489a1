package postgres

import (
	"strings"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// probe is a question of the gateway's own to the session's server: what names
// mean now, after a command that may have changed it. It is asked between the
// server's ReadyForQuery and the client's, so that no command of the client's
// is judged by an old answer.
type probe struct {
	entry  *entry
	temp   bool
	rows   [][][]byte
	failed bool
}

// The questions. SHOW takes no snapshot, so that SET TRANSACTION still works
// behind it; the temporary objects are asked for only after a command that has
// taken one anyway.
const (
	askPath = "SHOW search_path; SHOW role"
	askTemp = `; SELECT n.nspname, coalesce(c.relname, '') FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid WHERE n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()`
)

// startProbe asks when it is needed and possible. It reports whether the
// answer has to be waited for.
func (m *machine) startProbe() bool {
	if !m.lens.unsure && !m.lens.unsureTemp {
		return false
	}
	if m.tx == 'E' || len(m.queue) > 0 || m.unsynced || m.ended {
		return false // names stay unknown until the next chance
	}
	m.probe = &probe{entry: &entry{kind: 'Q', quiet: true}, temp: m.lens.unsureTemp}
	q := askPath
	if m.probe.temp {
		q += askTemp
	}
	m.queue = append(m.queue, m.probe.entry)
	m.toServer = wire.Query(m.toServer, q)
	return true
}

// take keeps the rows of the answer.
func (p *probe) take(typ byte, body []byte) error {
	switch typ {
	case 'T', 'C', 'I':
	case 'D':
		cells, err := wire.Cells(nil, append([]byte(nil), body...))
		if err != nil {
			return err
		}
		if len(p.rows) < 20000 {
			p.rows = append(p.rows, cells)
		}
	default:
		return &wire.ProtocolError{Text: "the database answers the gateway's own question with something else"}
	}
	return nil
}

// probeDone uses the answer and lets the client's ReadyForQuery go.
func (m *machine) probeDone(status byte) error {
	p := m.probe
	m.probe = nil
	m.pop0()
	if !p.failed && len(p.rows) >= 2 {
		m.lens.learn(p)
	}
	if status != m.tx {
		// The question failed inside a transaction and took it along.
		m.tx = status
	}
	if m.wantReload() {
		return nil
	}
	m.passReady()
	return nil
}

// wantReload asks the driver for a new catalog after DDL: inside a transaction
// for this session alone, and after it for all.
func (m *machine) wantReload() bool {
	if m.tx == 'I' && m.lens.own != nil {
		m.lens.own, m.lens.ownProtected, m.lens.view = nil, nil, nil
		m.lens.stale = true
		m.lens.moves()
	}
	if !m.lens.stale || m.tx == 'E' || len(m.queue) > 0 || m.unsynced || m.ended {
		return false
	}
	m.lens.stale = false
	m.want.Reload, m.want.Inside = true, m.tx == 'T'
	return true
}

// Reloaded goes on after the catalog was loaded again; own is the one that a
// transaction sees, or nil.
func (m *machine) Reloaded(own *catalog.Snapshot) {
	if own != nil {
		m.lens.own, m.lens.ownProtected, m.lens.view = own, nil, nil
	}
	if m.waiting != nil {
		m.passReady()
	}
}

func (m *machine) passReady() {
	if !m.waiting.quiet {
		m.toClient = wire.ReadyForQuery(m.toClient, m.tx)
	}
	m.waiting = nil
	m.settle()
	m.advance()
}

// splitPath splits a search_path as SHOW prints it: names parted by commas,
// quoted where they need it.
func splitPath(s string) (names []string, ok bool) {
	s = strings.TrimSpace(s)
	for s != "" {
		var name string
		if s[0] == '"' {
			var b strings.Builder
			i := 1
			for {
				j := strings.IndexByte(s[i:], '"')
				if j < 0 {
					return nil, false
				}
				b.WriteString(s[i : i+j])
				i += j + 1
				if i < len(s) && s[i] == '"' {
					b.WriteByte('"')
					i++
					continue
				}
				break
			}
			name, s = b.String(), strings.TrimSpace(s[i:])
		} else {
			j := strings.IndexByte(s, ',')
			if j < 0 {
				j = len(s)
			}
			name, s = strings.ToLower(strings.TrimSpace(s[:j])), s[j:]
		}
		if name != "" {
			names = append(names, name)
		}
		if s == "" {
			break
		}
		if s[0] != ',' {
			return nil, false
		}
		s = strings.TrimSpace(s[1:])
	}
	return names, true
}
