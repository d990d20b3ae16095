package main

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// alarm wakes one sender. Go's own timers are a millisecond late: its poller rounds up, and a latency that counts from when a request was
// due would be of that for the most part. The kernel's are exact to some 50 µs.
type alarm struct{ file *os.File }

func newAlarm() alarm {
	const monotonic = 1
	fd, _, failed := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if failed != 0 {
		return alarm{}
	}
	return alarm{os.NewFile(fd, "timer")}
}

func (a alarm) waitUntil(due time.Time) {
	left := time.Until(due)
	if left <= 0 {
		return
	}
	if a.file == nil || !a.set(left) {
		time.Sleep(left)
		return
	}
	var expirations [8]byte
	_, _ = a.file.Read(expirations[:])
}

func (a alarm) set(in time.Duration) bool {
	// interval, value
	spec := [2]syscall.Timespec{{}, syscall.NsecToTimespec(in.Nanoseconds())}
	connection, err := a.file.SyscallConn()
	if err != nil {
		return false
	}
	set := false
	err = connection.Control(func(fd uintptr) {
		_, _, failed := syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
		set = failed == 0
	})
	return err == nil && set
}

func (a alarm) close() {
	if a.file != nil {
		_ = a.file.Close()
	}
}
