package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sender sends one body and returns the HTTP status, or for gRPC the status an OTLP/HTTP server would have answered.
type sender interface {
	send(index int) (int, error)
}

// Result is what one measurement says; latencies are of answered requests, from the moment they were due.
type Result struct {
	Rows       int     `json:"rows"`
	Requests   int     `json:"requests"`
	Refused    int     `json:"refused"`
	Failed     int     `json:"failed"`
	Arrived    int     `json:"arrived"`
	Missing    int     `json:"missing"`
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpuSeconds"`
	P50        float64 `json:"p50ms"`
	P95        float64 `json:"p95ms"`
	P99        float64 `json:"p99ms"`
	RSS        int     `json:"rssBytes"`
	BodyBytes  int     `json:"bodyBytes"`
	FirstError string  `json:"firstError,omitempty"`
}

// tally is one connection's own count: nothing is shared while measuring.
type tally struct {
	rows, requests, refused, failed int
	latencies                       []time.Duration
	first                           string
}

func load(o options) (Result, error) {
	bodies := []body{{}}
	if o.get == "" {
		bodies = makeBodies(o)
	}
	bodyBytes := len(bodies[0].bytes)
	senders, err := connect(o, bodies)
	if err != nil {
		return Result{}, err
	}
	before, err := arrived(o)
	if err != nil {
		return Result{}, err
	}
	sent := 0
	if o.warm > 0 && !o.once {
		sent = run(o, senders, bodies, o.warm, new(atomic.Int64)).Rows
		if _, err := drained(o, before+sent); err != nil {
			return Result{}, err
		}
	}
	base := 0
	if o.sink != "" {
		base, _ = arrived(o)
	}
	cpu := cpuSeconds(o.pid)
	result := run(o, senders, bodies, o.measure, new(atomic.Int64))
	result.Arrived, err = drained(o, base+result.Rows)
	result.Arrived -= base
	result.CPUSeconds = cpuSeconds(o.pid) - cpu
	result.RSS = rss(o.pid)
	result.BodyBytes = bodyBytes
	if o.sink != "" {
		result.Missing = result.Rows - result.Arrived
	}
	return result, err
}

func connect(o options, bodies []body) ([]sender, error) {
	path := "/v1/" + o.signal
	var senders []sender
	if o.grpc {
		return connectGRPC(o, bodies), nil
	}
	requests := make([][]byte, len(bodies))
	encoding := ""
	if o.gzip {
		encoding = "Content-Encoding: gzip\r\n"
	}
	for i, b := range bodies {
		if o.get != "" {
			requests[i] = []byte(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", o.get, o.to))
			continue
		}
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\n%sContent-Length: %d\r\n\r\n", path, o.to, encoding, len(b.bytes))
		requests[i] = append([]byte(head), b.bytes...)
		// Only the rendered request is kept: with hundreds of thousands of series a second copy would not fit.
		bodies[i].bytes = nil
	}
	for range o.connections {
		senders = append(senders, &httpConnection{to: o.to, requests: requests})
	}
	return senders, nil
}

// run sends from every connection until the time is over (or every body was sent once), and adds the tallies up.
func run(o options, senders []sender, bodies []body, length time.Duration, ticket *atomic.Int64) Result {
	began := time.Now()
	tallies := make([]tally, len(senders))
	var group sync.WaitGroup
	for i, s := range senders {
		group.Add(1)
		go func() {
			defer group.Done()
			sendAll(o, s, bodies, began, length, ticket, &tallies[i])
		}()
	}
	group.Wait()
	result := Result{Seconds: time.Since(began).Seconds()}
	var all []time.Duration
	for _, t := range tallies {
		result.Rows += t.rows
		result.Requests += t.requests
		result.Refused += t.refused
		result.Failed += t.failed
		if result.FirstError == "" {
			result.FirstError = t.first
		}
		all = append(all, t.latencies...)
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	result.P50, result.P95, result.P99 = quantile(all, 0.5), quantile(all, 0.95), quantile(all, 0.99)
	return result
}

func sendAll(o options, s sender, bodies []body, began time.Time, length time.Duration, ticket *atomic.Int64, t *tally) {
	alarm := newAlarm()
	defer alarm.close()
	for {
		n := int(ticket.Add(1) - 1)
		if o.once && n >= len(bodies) {
			return
		}
		due := time.Now()
		if o.rate > 0 {
			due = began.Add(time.Duration(float64(n) / o.rate * float64(time.Second)))
			alarm.waitUntil(due)
		}
		if !o.once && due.Sub(began) >= length {
			return
		}
		status, err := s.send(n % len(bodies))
		for err == nil && (status == 429 || status == 503) {
			t.refused++
			time.Sleep(20 * time.Millisecond)
			status, err = s.send(n % len(bodies))
		}
		if err != nil || status != 200 {
			t.failed++
			if t.first == "" {
				t.first = fmt.Sprintf("status %d, %v", status, err)
			}
			if t.failed > 100 {
				return
			}
			continue
		}
		t.rows += bodies[n%len(bodies)].rows
		t.requests++
		t.latencies = append(t.latencies, time.Since(due))
	}
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(q*float64(len(sorted)-1))]) / 1e6
}

// httpConnection writes requests that were rendered before, and reads just enough of the answer.
type httpConnection struct {
	to       string
	requests [][]byte
	conn     net.Conn
	reader   *bufio.Reader
}

func (c *httpConnection) send(index int) (int, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.to, 5*time.Second)
		if err != nil {
			return 0, err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	status, err := c.exchange(index)
	if err != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
	return status, err
}

func (c *httpConnection) exchange(index int) (int, error) {
	if _, err := c.conn.Write(c.requests[index]); err != nil {
		return 0, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errors.New("no status line")
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, err
	}
	length, chunked := 0, false
	for {
		line, err = c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("content-length")) {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		} else if bytes.EqualFold(name, []byte("transfer-encoding")) {
			chunked = true
		}
	}
	if chunked {
		return status, c.skipChunks()
	}
	_, err = c.reader.Discard(length)
	return status, err
}

func (c *httpConnection) skipChunks() error {
	for {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
		if err != nil {
			return err
		}
		if _, err = c.reader.Discard(int(size) + 2); err != nil || size == 0 {
			return err
		}
	}
}

// drained waits until the sink has `want` rows, or as many as it will get.
func drained(o options, want int) (int, error) {
	if o.sink == "" {
		return want, nil
	}
	for until := time.Now().Add(o.drain); ; time.Sleep(5 * time.Millisecond) {
		rows, err := arrived(o)
		if err != nil || rows >= want || time.Now().After(until) {
			return rows, err
		}
	}
}

func arrived(o options) (int, error) {
	if o.sink == "" {
		return 0, nil
	}
	response, err := http.Get("http://" + o.sink + "/rows/" + o.signal)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(content)))
}

// cpuSeconds is the user and system time of the process and its threads; the kernel counts in hundredths.
func cpuSeconds(pid int) float64 {
	if pid == 0 {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in brackets may hold spaces: fields are counted from behind it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return float64(user+system) / 100
}

func rss(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, line := range strings.Split(string(status), "\n") {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, _ := strconv.Atoi(strings.Fields(value)[0])
			return kib << 10
		}
	}
	return 0
}
