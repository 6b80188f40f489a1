package server

import (
	"context"
	"errors"
	"time"

	"sluice.dev/proxy/console"
	"sluice.dev/proxy/gate/recorded"
)

// Bounds of what one question may read of the log: a million records are a
// gigabyte or two. The command line reads all of it on the gateway's machine.
const (
	explainRecords = 1 << 20
	shadowRecords  = 1 << 18
	readingTime    = 30 * time.Second
)

// reading waits until nobody else reads the log: the readers together take one
// core from the data path at most.
func (b *backend) reading(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, readingTime)
	select {
	case b.g.reader <- struct{}{}:
		return ctx, func() { <-b.g.reader; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, &fault{console.ErrUnavailable, "the log is being read for somebody else: try again in a moment"}
	}
}

func (b *backend) Decisions(ctx context.Context, f recorded.Filter) ([]recorded.Summary, error) {
	ctx, done, err := b.reading(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	all, err := recorded.Latest(ctx, b.g.log.Dir(), b.g.log.Stats().Size, f)
	return all, readingError(err)
}

func (b *backend) Explain(ctx context.Context, id string) (*recorded.Account, error) {
	ctx, done, err := b.reading(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	e, err := recorded.FindLatest(ctx, b.g.log.Dir(), id, b.g.log.Stats().Size, explainRecords)
	if err != nil {
		return nil, readingError(err)
	}
	conn := b.g.gate.Connection(e.Connection.Name)
	if conn == nil {
		return nil, &fault{console.ErrNotFound, "connection " + e.Connection.Name + " is not in the configuration any more: its policies cannot be asked"}
	}
	defer conn.Generation.Release()
	acc, err := recorded.Explain(ctx, e, conn)
	return acc, readingError(err)
}

func (b *backend) Shadows(ctx context.Context, policy string, since time.Time) (recorded.ShadowReport, error) {
	ctx, done, err := b.reading(ctx)
	if err != nil {
		return recorded.ShadowReport{}, err
	}
	defer done()
	s := recorded.Shadows{Policy: policy, Since: since}
	if err := s.Count(ctx, b.g.log.Dir(), b.g.log.Stats().Size, shadowRecords); err != nil {
		return recorded.ShadowReport{}, readingError(err)
	}
	return s.Report(), nil
}

func readingError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, recorded.ErrNone):
		return &fault{console.ErrNotFound, err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &fault{console.ErrUnavailable, "the log is too long to be read in " + readingTime.String() + ": ask on the gateway's machine, sluice policy explain or shadow"}
	}
	return &fault{console.ErrUnavailable, err.Error()}
}
