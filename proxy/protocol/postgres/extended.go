package postgres

import (
	"fmt"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/protocol/postgres/wire"
)

// parse looks at a statement before it is prepared: what its text alone denies
// is refused here and nothing is sent; all else is decided at Execute.
func (m *machine) parse(body, msg []byte) error {
	p, err := wire.ReadParse(body)
	if err != nil {
		return err
	}
	a, seq, r := m.look('P', p.Query, p.Types)
	if m.asking != nil {
		return nil
	}
	if r == nil {
		r, seq = m.gs.Preview(m.command(a, nil))
	}
	if r != nil {
		m.refuse('P', r, seq)
		return nil
	}
	if len(m.statements) >= maxNamed {
		m.refuse('P', gate.LimitReached(fmt.Sprintf("the session has %d prepared statements, the limit", maxNamed)), 0)
		return nil
	}
	st := &statement{name: p.Name, text: p.Query, types: p.Types, a: a, pipeline: m.pipeline}
	m.push(&entry{kind: 'P', st: st, old: m.statements[p.Name]})
	m.statements[p.Name] = st
	m.unsynced, m.open = true, false
	if a.level != nil {
		m.toServer = wire.AppendParse(m.toServer, p.Name, a.level.played(), nil)
		return nil
	}
	m.forward(msg)
	return nil
}

// maxNamed bounds the named statements and portals of one session.
const maxNamed = 10000

func (m *machine) bind(body, msg []byte) error {
	b, err := wire.ReadBind(body)
	if err != nil {
		return err
	}
	st := m.statements[b.Statement]
	if st == nil {
		// Forwarding it would run whatever SQL's PREPARE, or code on the server,
		// has put under the name: what was never analysed is never executed.
		m.unknownName('B', "26000", fmt.Sprintf("prepared statement %q was not prepared by a Parse message", b.Statement))
		return nil
	}
	if len(m.portals) >= maxNamed {
		m.refuse('B', gate.LimitReached(fmt.Sprintf("the session has %d portals, the limit", maxNamed)), 0)
		return nil
	}
	po := &portal{name: b.Portal, st: st, bind: b, pipeline: m.pipeline}
	for i := range b.Values {
		p := gate.Param{Value: append([]byte(nil), b.Values[i]...), Null: b.Nulls[i], Binary: wire.Format(b.Formats, i) == 1}
		if p.Binary && !p.Null {
			p.Text = shown(st.typeOfParam(i), p.Value)
		}
		po.params = append(po.params, p)
	}
	b.Values, b.Nulls = nil, nil
	m.portals[b.Portal] = po
	m.push(&entry{kind: 'B', po: po})
	m.unsynced, m.open = true, false
	m.forward(msg)
	return nil
}

func (m *machine) describe(body, msg []byte) error {
	t, err := wire.ReadTarget("Describe", body)
	if err != nil {
		return err
	}
	e := &entry{kind: 'D', target: t.Kind}
	if t.Kind == 'S' {
		e.st = m.statements[t.Name]
	} else {
		e.po = m.portals[t.Name]
		if e.po != nil {
			e.po.asked = true
		}
	}
	m.push(e)
	m.unsynced = true
	m.forward(msg)
	return nil
}

func (m *machine) closeTarget(body, msg []byte) error {
	t, err := wire.ReadTarget("Close", body)
	if err != nil {
		return err
	}
	if t.Kind == 'S' {
		delete(m.statements, t.Name)
	} else {
		delete(m.portals, t.Name)
	}
	m.push(&entry{kind: 'C'})
	m.unsynced = true
	m.forward(msg)
	return nil
}

// execute decides one Execute, with the values bound to its portal.
func (m *machine) execute(x wire.Execute, msg []byte) {
	po := m.portals[x.Portal]
	if po == nil {
		po = m.cursorPortal(x.Portal)
	}
	if po == nil {
		// The server may know it all the same: a function can have opened it.
		m.unknownName('E', "34000", fmt.Sprintf("portal %q was not opened by a Bind message", x.Portal))
		return
	}
	seq, r := m.refresh(po.st)
	if m.asking != nil {
		return
	}
	if r != nil {
		m.refuse('E', r, seq)
		return
	}
	run := &running{a: po.st.a, po: po, in: int64(len(msg))}
	run.cmd = m.command(run.a, po.params)
	m.decide('E', run, msg)
}

// refresh analyses a prepared statement again when names may mean something
// else by now: the server would plan it anew.
func (m *machine) refresh(st *statement) (gate.Seq, *gate.Refusal) {
	if !st.moved && m.lens.current(st.a) {
		return 0, nil
	}
	a, seq, r := m.look('E', st.text, st.types)
	if r == nil && m.asking == nil {
		st.a, st.moved, st.anew = a, false, anew{}
	}
	return seq, r
}

// cursorPortal finds a cursor that SQL declared, which Execute may name too.
func (m *machine) cursorPortal(name string) *portal {
	a := m.cursors[name]
	if a == nil {
		return nil
	}
	return &portal{name: name, st: &statement{a: a, text: string(a.text)}, bind: &wire.Bind{Portal: name}}
}

// sync ends a pipeline.
func (m *machine) sync(msg []byte) {
	if m.copying != nil {
		// The server ignores Sync while it takes COPY data (PostgreSQL
		// 55.2.6); the one that counts comes behind CopyDone.
		m.forward(msg)
		return
	}
	m.absorb = false
	m.push(&entry{kind: 'S', pipeline: m.pipeline})
	m.pipeline++
	m.dirty, m.unsynced, m.open = false, false, false
	m.forward(msg)
	m.settle()
}
