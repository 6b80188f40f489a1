package generation

import (
	"context"
	"errors"
	"fmt"

	"sluice.dev/proxy/protocol/postgres"
)

// Reach looks whether every resource of the generation can be entered with its
// credential, and whether the columns that masks name are there.
func (g *Generation) Reach(ctx context.Context) error {
	var all []error
	for _, c := range g.cfg.Connections {
		o, ok := g.connections[c.Name].Options.(*postgres.Options)
		if !ok {
			continue
		}
		if err := o.Reach(ctx); err != nil {
			all = append(all, g.cfg.Fail(c.Pos, err, fmt.Sprintf("connection %q", c.Name), err.Error()))
		}
	}
	return errors.Join(all...)
}
