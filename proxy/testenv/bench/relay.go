package main

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// relayWord makes the program the yardstick instead of the benchmark: a
// process of its own, so that its CPU is its own.
const relayWord = "relay-to"

// relay copies bytes between clients and an address, and does nothing else. It
// prints the address that it listens on, and runs until it is killed.
func relay(to string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		clients.Go(func() { join(c, to) })
	}
}

func join(c net.Conn, to string) {
	defer c.Close()
	var d net.Dialer
	s, err := d.DialContext(context.Background(), "tcp", to)
	if err != nil {
		return
	}
	defer s.Close()
	var up sync.WaitGroup
	up.Go(func() {
		buf := make([]byte, 16<<10)
		for {
			n, err := c.Read(buf)
			if n > 0 {
				if _, err := s.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				s.(*net.TCPConn).CloseWrite() //nolint:errcheck // it is gone
				return
			}
		}
	})
	buf := make([]byte, 16<<10)
	for {
		n, err := s.Read(buf)
		if n > 0 {
			if _, err := c.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	c.Close()
	up.Wait()
}
