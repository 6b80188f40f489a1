package audit

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// watchSpace keeps an eye on the disk (audit-evidence 2.4). Only the
// housekeeper calls it.
func (l *Log) watchSpace() {
	free, total, err := l.files.Free(l.dir)
	if err != nil {
		l.o.Logger.Error("audit log cannot see the free space", "dir", l.dir, "error", err)
		return
	}
	if free < l.o.Reserve {
		l.enterFull(reserveReached(free, l.o.Reserve))
	} else {
		l.leaveFull(free)
	}
	l.warnSpace(free, total)
}

// enterFull stops new commands; what runs may still end, written to the
// prepared segment and into the ballast's space. It reports whether that space
// was freed just now, so that trying again makes sense.
func (l *Log) enterFull(why string) (freed bool) {
	freed = l.giveBallast()
	l.mu.Lock()
	was := l.full
	l.full = true
	l.mu.Unlock()
	if was {
		return freed
	}
	l.o.Logger.Error("audit disk is full: no new commands", "dir", l.dir, "reason", why)
	l.own(&Record{Event: LogWarn, Detail: map[string]string{"what": "disk full, no new commands", "why": why}})
	return freed
}

// checkReserve is what each new segment asks, so that a log that grows faster
// than the housekeeper looks cannot run past the reserve.
func (l *Log) checkReserve() {
	if free, _, err := l.files.Free(l.dir); err == nil && free < l.o.Reserve {
		l.enterFull(reserveReached(free, l.o.Reserve))
	}
}

func reserveReached(free, reserve uint64) string {
	return fmt.Sprintf("%d MiB free, %d are kept in reserve", free>>20, reserve>>20)
}

// leaveFull takes commands again once the ballast fits beside the reserve.
func (l *Log) leaveFull(free uint64) {
	l.mu.Lock()
	full := l.full
	l.mu.Unlock()
	if !l.house.ballast.Load() {
		if free < l.o.Reserve+uint64(l.o.Ballast) {
			return
		}
		if err := l.files.Prewrite(l.path(ballastName), l.o.Ballast, l.breathe); err != nil {
			l.o.Logger.Error("audit log cannot keep space back", "dir", l.dir, "error", err)
			return
		}
		l.house.ballast.Store(true)
	}
	if !full {
		return
	}
	l.mu.Lock()
	l.full = false
	l.mu.Unlock()
	l.o.Logger.Warn("audit disk has space again: commands are taken", "dir", l.dir)
	l.own(&Record{Event: LogWarn, Detail: map[string]string{"what": "disk has space again"}})
}

// giveBallast frees the space that was kept back; false if there is none left.
func (l *Log) giveBallast() bool {
	if !l.house.ballast.CompareAndSwap(true, false) {
		return false
	}
	if err := l.files.Remove(l.path(ballastName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		l.o.Logger.Error("audit log cannot free its ballast", "dir", l.dir, "error", err)
	}
	return true
}

// watchClock records when the wall clock was set by more than a second.
func (l *Log) watchClock() {
	now := time.Now()
	drift := now.Round(0).Sub(l.start.Round(0)) - now.Sub(l.start) // Round drops the monotonic reading
	step := drift - l.house.drift
	if step.Abs() <= time.Second {
		return
	}
	l.house.drift = drift
	l.own(&Record{Event: ClockStep, Detail: map[string]string{"step_us": strconv.FormatInt(step.Microseconds(), 10)}})
}

// warnSpace records that a threshold was passed, once each way down.
func (l *Log) warnSpace(free, total uint64) {
	if total == 0 {
		return
	}
	percent, level := free*100/total, 0
	switch {
	case percent < alarmFree:
		level = alarmFree
	case percent < warnFree:
		level = warnFree
	}
	if level == l.house.warned {
		return
	}
	down := level != 0 && (l.house.warned == 0 || level < l.house.warned)
	l.house.warned = level
	if !down {
		return
	}
	l.o.Logger.Warn("audit disk is filling up", "dir", l.dir, "free_percent", percent)
	l.own(&Record{Event: LogWarn, Detail: map[string]string{"what": "disk filling up", "free_percent": strconv.FormatUint(percent, 10)}})
}

// own appends a record of the log itself.
func (l *Log) own(r *Record) {
	if _, err := l.append(r, internal); err != nil && !errors.Is(err, ErrClosed) {
		l.o.Logger.Error("audit log cannot record about itself", "event", r.Event, "error", err)
	}
}
