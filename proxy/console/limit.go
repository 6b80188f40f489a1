package console

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// limiter keeps anybody from driving log-ins through us at the identity provider: a token bucket for each address
// (IPv6: each /64), and one for all.
type limiter struct {
	now func() time.Time
	mu  sync.Mutex
	all bucket
	by  map[netip.Prefix]*bucket
}

const (
	limitBurst  = 60               // log-in requests at once, of one address; a log-in takes two
	limitEvery  = time.Second      // one more each
	limitAll    = 400              // of everybody at once
	limitAllPer = time.Second / 10 // one more each
	limitPeers  = 4096             // addresses remembered
)

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, by: map[netip.Prefix]*bucket{}}
}

func (b *bucket) take(now time.Time, burst int, every time.Duration) bool {
	if b.at.IsZero() {
		b.left = float64(burst)
	} else {
		b.left = min(float64(burst), b.left+float64(now.Sub(b.at))/float64(every))
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// allow is whether the request may go on.
func (l *limiter) allow(r *http.Request) bool {
	peer := peerOf(r)
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.by[peer]
	if b == nil {
		if len(l.by) >= limitPeers {
			l.forget(now)
		}
		b = &bucket{}
		l.by[peer] = b
	}
	return b.take(now, limitBurst, limitEvery) && l.all.take(now, limitAll, limitAllPer)
}

// forget drops the buckets that are full again, and if none is, everything: the bucket for all still holds.
func (l *limiter) forget(now time.Time) {
	for k, b := range l.by {
		if now.Sub(b.at) > limitBurst*limitEvery {
			delete(l.by, k)
		}
	}
	if len(l.by) >= limitPeers {
		clear(l.by)
	}
}

// peerOf is the connection's own address: what a proxy in front says of others is not believed.
func peerOf(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
