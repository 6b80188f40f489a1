package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"sluice.dev/proxy/protocol/postgres/catalog"
	"sluice.dev/proxy/testenv"
)

func opener(t *testing.T, q simple) (catalog.Open, *atomic.Bool) {
	t.Helper()
	var broken atomic.Bool
	dsn := q.pg.SuperDSN(q.db)
	return func(ctx context.Context) (catalog.Querier, func(), error) {
		if broken.Load() {
			return nil, nil, errors.New("no route to host")
		}
		conn, err := pgconn.Connect(ctx, dsn)
		if err != nil {
			return nil, nil, err
		}
		return simple{conn, q.pg, q.db}, func() { conn.Close(context.Background()) }, nil
	}, &broken
}

func TestLiveSeesWhatOthersDo(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, "create table a (x int)")
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
	})
}

func TestLiveReloads(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, "create table a (x int)")
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
	})
}

// Many sessions that reload at once each get a snapshot that has seen what they
// did, and do not load once each.
func TestLiveReloadsTogether(t *testing.T) {
	each(t, func(t *testing.T, pg *testenv.PostgresServer) {
		q := database(t, pg, "select 1")
		open, _ := opener(t, q)
		var opened atomic.Int64
		l := catalog.Follow(func(ctx context.Context) (catalog.Querier, func(), error) {
			opened.Add(1)
			return open(ctx)
		}, -1)
		defer l.Close()
		const sessions = 16
		var group errgroup.Group
		for i := range sessions {
			mine := connect(t, pg, q.db)
			group.Go(func() error {
				name := fmt.Sprintf("mine_%d", i)
				if _, err := mine.Query(t.Context(), "create table "+name+" (x int)"); err != nil {
					return err
				}
				s, err := l.Reload(t.Context())
				if err != nil {
					return err
				}
				if _, ok := s.Named("public", name); !ok {
					return fmt.Errorf("%s is not in the snapshot", name)
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		t.Logf("%d loads for %d sessions", opened.Load(), sessions)
	})
}
