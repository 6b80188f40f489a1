//go:build !linux

package postgres

// loops has no session where there is no epoll.
type loops struct{}

func (*loops) serve(*driver) {}

type guest struct{ back chan struct{} }

func (*guest) ask() {}
