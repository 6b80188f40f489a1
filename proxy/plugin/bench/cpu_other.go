//go:build !linux

package main

import "time"

func pin() func() { return func() {} }

// cpu is the wall clock where there is no clock of a thread.
func cpu() time.Duration { return time.Since(start) }

var start = time.Now()
