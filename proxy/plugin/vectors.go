package plugin

import "context"

func (m *Module) selfTest(context.Context) error { return nil }
