package catalog_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sluice.dev/proxy/protocol/postgres/catalog"
)

func opener(t *testing.T, q simple) (catalog.Open, *atomic.Bool) {
	t.Helper()
	var broken atomic.Bool
	dsn := server.SuperDSN(q.db)
	return func(ctx context.Context) (catalog.Querier, func(), error) {
		if broken.Load() {
			return nil, nil, errors.New("no route to host")
		}
		conn, err := pgconn.Connect(ctx, dsn)
		if err != nil {
			return nil, nil, err
		}
		return simple{conn, q.db}, func() { conn.Close(context.Background()) }, nil
	}, &broken
}

func TestLiveSeesWhatOthersDo(t *testing.T) {
	q := database(t, "create table a (x int)")
	open, broken := opener(t, q)
	l := catalog.Follow(open, time.Millisecond)
	defer l.Close()
	changes := make(chan *catalog.Snapshot, 16)
	l.OnChange(func(s *catalog.Snapshot) { changes <- s })
	first, err := l.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run(t, q, "create table b (y int)")
	for s := range changes {
		if _, ok := s.Named("public", "b"); ok {
			if s.Version() <= first.Version() {
				t.Errorf("version %d came after %d", s.Version(), first.Version())
			}
			break
		}
	}
	broken.Store(true)
	for l.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if _, err := l.Reload(t.Context()); err == nil {
		t.Error("Reload without a server succeeds")
	}
	if l.Snapshot() == nil {
		t.Error("the old snapshot is gone")
	}
	broken.Store(false)
	for l.Err() != nil {
		time.Sleep(time.Millisecond)
	}
}

func TestLiveReloads(t *testing.T) {
	q := database(t, "create table a (x int)")
	open, _ := opener(t, q)
	l := catalog.Follow(open, -1)
	if l.Snapshot() != nil {
		t.Error("there is a snapshot before the first load")
	}
	s, err := l.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run(t, q, "create table b (y int)")
	if again, err := l.Ready(t.Context()); err != nil || again != s {
		t.Errorf("Ready loads again: %v", err)
	}
	s, err = l.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Named("public", "b"); !ok || l.Snapshot() != s {
		t.Error("Reload does not see the new table")
	}
	l.Close()
	if _, err := l.Reload(t.Context()); err == nil {
		t.Error("Reload after Close succeeds")
	}
}
