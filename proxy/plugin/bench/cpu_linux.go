package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pin keeps the caller on its thread, so that cpu means something.
func pin() func() {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// cpu is the time that this thread has run: what else the machine does is not
// in it.
func cpu() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return time.Since(start)
	}
	return time.Duration(t.Nano())
}

var start = time.Now()
