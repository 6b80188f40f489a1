//go:build !linux

package postgres

import (
	"net"
	"syscall"
)

func rawConn(net.Conn) syscall.RawConn { return nil }

func readNow(uintptr, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }

func writeNow(uintptr, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }

func quiet(net.Conn) bool { return false }
