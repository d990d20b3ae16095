// Command loader measures an OTLP server from outside: it sends rotating bodies, counts what a sink behind the server received, and
// reads the server's CPU time and memory from /proc. The standard library only.
//
//	loader load -to 127.0.0.1:4318 -pid 123 -sink 127.0.0.1:9999 -points 110   prints one line of JSON
//	loader sink -listen 127.0.0.1:9999                                         counts rows until it is stopped
//	loader load -to 127.0.0.1:8080 -pid 123 -get /items -rate 1000             the same of any HTTP server
//	loader body -points 110                                                    writes one body to standard output
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

type options struct {
	to, sink, signal, get        string
	grpc, gzip                   bool
	pid, points, bodies, sources int
	connections, streams         int
	rate                         float64
	warm, measure, drain         time.Duration
	once                         bool
}

func main() {
	if len(os.Args) < 2 {
		fail("loader: say load, sink or body")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	var o options
	listen := flags.String("listen", "127.0.0.1:0", "where the sink listens")
	flags.StringVar(&o.to, "to", "", "host:port of the server under test")
	flags.StringVar(&o.sink, "sink", "", "host:port of the sink behind it; empty: nothing is checked")
	flags.StringVar(&o.signal, "signal", "metrics", "metrics or traces")
	flags.StringVar(&o.get, "get", "", "a path that is asked for instead: any HTTP server")
	flags.BoolVar(&o.grpc, "grpc", false, "gRPC instead of HTTP/1.1")
	flags.BoolVar(&o.gzip, "gzip", false, "compress the bodies (HTTP)")
	flags.IntVar(&o.pid, "pid", 0, "process whose CPU time and memory are read")
	flags.IntVar(&o.points, "points", 110, "rows per body: 11, or a multiple of 110; for traces of 200")
	flags.IntVar(&o.bodies, "bodies", 64, "different bodies in rotation")
	flags.IntVar(&o.sources, "sources", 0, "distinct services, 110 series each; 0: as many as the bodies hold")
	flags.IntVar(&o.connections, "connections", 8, "connections")
	flags.IntVar(&o.streams, "streams", 8, "concurrent streams per connection (gRPC)")
	flags.Float64Var(&o.rate, "rate", 0, "requests per second, on schedule whatever the server does; 0: as fast as it answers")
	flags.DurationVar(&o.warm, "warm", time.Second, "time before the measurement")
	flags.DurationVar(&o.measure, "measure", 3*time.Second, "time of the measurement")
	flags.DurationVar(&o.drain, "drain", 20*time.Second, "how long to wait for the sink to have everything")
	flags.BoolVar(&o.once, "once", false, "send every body exactly once and report")
	_ = flags.Parse(os.Args[2:])
	// One core for the load, as far as possible: the server under test needs the rest.
	runtime.GOMAXPROCS(1)
	switch os.Args[1] {
	case "load":
		result, err := load(o)
		if err != nil {
			fail(err.Error())
		}
		_ = json.NewEncoder(os.Stdout).Encode(result)
	case "sink":
		if err := serveSink(*listen); err != nil {
			fail(err.Error())
		}
	case "body":
		_, _ = os.Stdout.Write(makeBodies(o)[0].bytes)
	default:
		fail("loader: unknown command " + os.Args[1])
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
