package conformance

import (
	"context"
	_ "embed" // the schema and its data
	"errors"
	"fmt"
	"strings"
	"time"
)

//go:embed schema.sql
var schemaSQL string

//go:embed data.sql
var dataSQL string

// Protected are the columns that the gateway has to mask.
func Protected() []string {
	out := []string{
		"conformance.people.mail", "conformance.people.pan",
		"conformance.customers.email", "conformance.customers.phone", "conformance.customers.card",
		"conformance.events.email",
	}
	_, after, _ := strings.Cut(schemaSQL, "create table formats (")
	list, _, _ := strings.Cut(after, ");\n")
	for _, word := range strings.Fields(list) {
		if strings.HasPrefix(word, "p_") {
			out = append(out, "conformance.formats."+word)
		}
	}
	return out
}

// world is the database behind the gateway.
type world struct {
	dsn    string
	wait   time.Duration
	owner  *client
	role   string // that the gateway logs in as
	oids   map[uint32]string
	state  string             // of definitions, when they were made
	canary map[string]*canary // by data set
	set    string
}

// makeWorld makes the schemas and learns what they are.
func makeWorld(ctx context.Context, dsn, role string, wait time.Duration) (*world, error) {
	w := &world{dsn: dsn, wait: wait, role: role, canary: map[string]*canary{}}
	var err error
	if w.owner, err = open(ctx, dsn, wait); err != nil {
		return nil, unreachable("DIRECT", err)
	}
	if err := w.build(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) close() { w.owner.close() }

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (w *world) build() error {
	if _, err := w.owner.query(strings.ReplaceAll(schemaSQL, "{{role}}", quote(w.role))); err != nil {
		return unreachable("DIRECT", fmt.Errorf("schema.sql: %w", err))
	}
	for _, set := range []string{"B", "A"} {
		if err := w.load(set); err != nil {
			return err
		}
		c, err := w.readCanary()
		if err != nil {
			return err
		}
		w.canary[set] = c
	}
	rows, err := w.owner.query(`select oid::text, oid::regclass::text from pg_class where oid >= 16384 and relnamespace in (select oid from pg_namespace where nspname like 'conformance%')
union all select oid::text, oid::regtype::text from pg_type where oid >= 16384`)
	if err != nil {
		return unreachable("DIRECT", err)
	}
	w.oids = map[uint32]string{}
	for _, r := range rows {
		var oid uint32
		if _, err := fmt.Sscan(string(r[0]), &oid); err != nil {
			return err
		}
		w.oids[oid] = string(r[1])
	}
	w.state, err = w.definitions()
	return err
}

// load fills the tables with a data set.
func (w *world) load(set string) error {
	w.set = set
	if _, err := w.owner.query(strings.ReplaceAll(dataSQL, "{{set}}", set)); err != nil {
		return unreachable("DIRECT", fmt.Errorf("data.sql: %w", err))
	}
	return nil
}

// definitions is a hash of all that a statement may have defined.
func (w *world) definitions() (string, error) {
	rows, err := w.owner.query(`set search_path = pg_catalog;
with ns as (select oid from pg_namespace where nspname !~ '^pg_(temp|toast)' and nspname <> 'information_schema')
select md5(string_agg(x, ';' order by x)) from (
 select format('c %s %s %s %s %s %s', oid, relname, relnamespace, relkind, relowner, relacl) x from pg_class where relnamespace in (select oid from ns) and oid >= 16384
 union all select format('a %s %s %s %s %s %s', attrelid, attnum, attname, atttypid, attisdropped, atthasdef) from pg_attribute where attrelid in (select oid from pg_class where relnamespace in (select oid from ns)) and attrelid >= 16384 and attnum > 0
 union all select format('n %s %s', oid, nspname) from pg_namespace where oid in (select oid from ns)
 union all select format('p %s %s', oid, xmin) from pg_proc where oid >= 16384
 union all select format('t %s', oid) from pg_type where oid >= 16384 and typnamespace in (select oid from ns)
 union all select format('r %s %s', oid, xmin) from pg_rewrite where oid >= 16384
 union all select format('g %s', oid) from pg_trigger
 union all select format('k %s', oid) from pg_constraint
 union all select format('o %s', oid) from pg_operator where oid >= 16384
 union all select format('s %s', oid) from pg_cast where oid >= 16384
 union all select format('i %s %s', inhrelid, inhparent) from pg_inherits
 union all select format('y %s', oid) from pg_policy
 union all select format('b %s', oid) from pg_publication
 union all select format('e %s', oid) from pg_statistic_ext
 union all select format('d %s %s %s', setdatabase, setrole, setconfig) from pg_db_role_setting
) s`)
	if err != nil {
		return "", unreachable("DIRECT", err)
	}
	return string(rows[0][0]), nil
}

// restore makes the world what it was after a case that may have changed it.
func (w *world) restore(set string) error {
	now, err := w.definitions()
	if err != nil {
		return err
	}
	if now != w.state {
		if err := w.build(); err != nil {
			return err
		}
	}
	return w.load(set)
}

// name is what an OID is called.
func (w *world) name(oid uint32) string {
	if n, ok := w.oids[oid]; ok {
		return n
	}
	return "?"
}

// Unreachable is a failure to reach or prepare what the suite needs.
type Unreachable struct{ err error }

func (u *Unreachable) Error() string { return "conformance: " + u.err.Error() }
func (u *Unreachable) Unwrap() error { return u.err }

func unreachable(which string, err error) error {
	return &Unreachable{fmt.Errorf("%s: %w", which, err)}
}

var errNoRole = errors.New("current_user could not be read")
