package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// RedisServer is one running Redis, which keeps nothing on the disk.
type RedisServer struct {
	Host string // 127.0.0.1
	Port int

	password string
	dir      *scratch
	run      *process
}

// Redis starts one with a password that stops when the test ends.
func Redis(tb TB, password string) *RedisServer {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	s, err := StartRedis(ctx, password)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Logf("testenv: %v", err)
		}
	})
	return s
}

// StartRedis starts a server, which runs until Stop or until this process dies.
func StartRedis(ctx context.Context, password string) (*RedisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("testenv: no redis-server found: run proxy/testenv/deps.sh redis")
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := newScratch("redis")
	if err != nil {
		return nil, err
	}
	s := &RedisServer{Host: "127.0.0.1", password: password, dir: dir}
	if s.Port, err = freePort(ctx); err == nil {
		err = s.start(ctx, program, who)
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *RedisServer) start(ctx context.Context, program string, who *user) error {
	conf := strings.Join([]string{"bind 127.0.0.1", "port " + strconv.Itoa(s.Port), "requirepass " + s.password, `save ""`, "appendonly no", ""}, "\n")
	if err := who.write(s.dir.path("redis.conf"), conf); err != nil {
		return fmt.Errorf("testenv: redis: %w", err)
	}
	var err error
	if s.run, err = startProcess(s.dir.path("redis.log"), who, nil, program, s.dir.path("redis.conf")); err != nil {
		return fmt.Errorf("testenv: start redis: %w", err)
	}
	for {
		_, err := s.Do("PING")
		if err == nil {
			return nil
		}
		log, _ := os.ReadFile(s.dir.path("redis.log"))
		select {
		case <-ctx.Done():
			return fmt.Errorf("testenv: redis is not ready: %w; its log ends:\n%s", err, tail(string(log), 2048))
		case <-s.run.done:
			return fmt.Errorf("testenv: redis ended; its log ends:\n%s", tail(string(log), 2048))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Address is host and port.
func (s *RedisServer) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Do sends one inline command to the server itself, and returns the first line
// of its answer, or of a bulk string the second.
func (s *RedisServer) Do(command string) (string, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(context.Background(), "tcp", s.Address())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\n%s\r\n", s.password, command); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	line := ""
	for range 2 {
		if line, err = r.ReadString('\n'); err != nil {
			return "", err
		}
		if line[0] == '-' {
			return "", errors.New("testenv: redis: " + strings.TrimSpace(line))
		}
	}
	if line[0] == '$' && line[1] != '-' {
		line, err = r.ReadString('\n')
	}
	return strings.TrimSpace(line), err
}

// Stop ends it and removes all it left on the disk.
func (s *RedisServer) Stop() error {
	if s.run != nil {
		s.run.stop(quitFast, 10*time.Second)
	}
	return s.dir.remove()
}
