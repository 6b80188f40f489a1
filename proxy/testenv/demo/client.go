package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// agent is the agent's one open connection through the gateway, and what was
// said on it.
type agent struct {
	conn    *pgx.Conn
	notices chan string
}

func (s *stage) connect(ctx context.Context, user, token string) (*agent, error) {
	cfg, err := pgx.ParseConfig(s.connString(user, token))
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = "crewai"
	a := &agent{notices: make(chan string, 16)}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		select {
		case a.notices <- n.Message:
		default:
		}
	}
	// As psql and psycopg2 send it: one simple Query.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	a.conn, err = pgx.ConnectConfig(ctx, cfg)
	return a, err
}

// result is what a client sees of a statement.
type result struct {
	heads []string
	rows  [][]string
	tag   string
	err   *pgconn.PgError
}

// ask runs a statement and takes everything as text.
func (a *agent) ask(ctx context.Context, sql string) (*result, error) {
	r := &result{}
	all, err := a.conn.PgConn().Exec(ctx, sql).ReadAll()
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		r.err = pe
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		r.tag = one.CommandTag.String()
		for _, f := range one.FieldDescriptions {
			r.heads = append(r.heads, f.Name)
		}
		for _, row := range one.Rows {
			cells := make([]string, len(row))
			for i, c := range row {
				if cells[i] = string(c); c == nil {
					cells[i] = "NULL"
				}
			}
			r.rows = append(r.rows, cells)
		}
	}
	return r, nil
}

// text is the result as psql prints it.
func (r *result) text() string {
	if r.err != nil {
		s := fmt.Sprintf("%s:  %s\n", r.err.Severity, r.err.Message)
		if r.err.Detail != "" {
			s += "DETAIL:  " + r.err.Detail + "\n"
		}
		if r.err.Hint != "" {
			s += "HINT:  " + r.err.Hint + "\n"
		}
		return s
	}
	if len(r.heads) > 0 {
		return table(r.heads, r.rows)
	}
	return r.tag
}

func (r *result) cell(row int, head string) string {
	for i, h := range r.heads {
		if h == head && row < len(r.rows) {
			return r.rows[row][i]
		}
	}
	return ""
}

// direct asks the database itself, as its superuser.
func (s *stage) direct(ctx context.Context, sql string) (*result, error) {
	conn, err := pgx.Connect(ctx, s.pg.SuperDSN("orders"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	r, err := (&agent{conn: conn}).ask(ctx, sql)
	if err == nil && r.err != nil {
		err = r.err
	}
	return r, err
}

func (s *stage) count(ctx context.Context, sql string) string {
	r, err := s.direct(ctx, sql)
	if err != nil || len(r.rows) != 1 {
		return fmt.Sprint(err)
	}
	return strings.Join(r.rows[0], ",")
}
