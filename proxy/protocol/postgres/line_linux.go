package postgres

import (
	"net"
	"syscall"
	"unsafe"
)

// rawConn is the socket of a plain connection; nil for any other, which is
// read and written through its methods. Go makes its sockets non-blocking, so
// that no call here can hold up its thread.
func rawConn(c net.Conn) syscall.RawConn {
	var sc syscall.Conn
	switch c := c.(type) {
	case *net.TCPConn:
		sc = c
	case *net.UnixConn:
		sc = c
	default:
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

func readNow(fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

func writeNow(fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

// quiet says that a socket is open and has nothing to read.
func quiet(c net.Conn) bool {
	raw := rawConn(c)
	if raw == nil {
		return false
	}
	open := false
	var b [1]byte
	err := raw.Control(func(fd uintptr) {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		open = errno == syscall.EAGAIN
	})
	return err == nil && open
}
