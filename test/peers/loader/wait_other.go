//go:build !linux

package main

import "time"

// alarm wakes one sender, as exactly as Go does.
type alarm struct{}

func newAlarm() alarm                 { return alarm{} }
func (alarm) waitUntil(due time.Time) { time.Sleep(time.Until(due)) }
func (alarm) close()                  {}
