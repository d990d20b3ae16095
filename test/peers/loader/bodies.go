package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"time"
)

// body is one OTLP request and the rows in it.
type body struct {
	bytes []byte
	rows  int
}

// makeBodies builds what a fleet of services sends: five gauges, five counters and two histograms each, ten label sets a number and
// five a histogram; or traces of ten spans. Values differ from body to body.
func makeBodies(o options) []body {
	made := make([]body, o.bodies)
	now := uint64(time.Now().UnixNano())
	for i := range made {
		random := rand.New(rand.NewSource(int64(i) + 1))
		var raw []byte
		if o.signal == "traces" {
			raw = traces(o.points, i, random, now)
		} else {
			raw = metrics(o.points, i, o.sources, random, now)
		}
		if o.gzip {
			raw = compress(raw)
		}
		made[i] = body{raw, o.points}
	}
	return made
}

func metrics(points, index, sources int, random *rand.Rand, now uint64) []byte {
	if points == 11 {
		return field(nil, 1, service(index, sources, 1, 1, 1, random, now))
	}
	var request []byte
	services := points / 110
	for s := range services {
		request = field(request, 1, service(index*services+s, sources, 10, 5, 2, random, now))
	}
	return request
}

var numberNames = []string{
	"http.server.active_requests", "process.memory.usage", "nodejs.eventloop.delay.mean", "nodejs.eventloop.utilization", "v8js.memory.heap.used",
	"http.server.requests", "http.client.requests", "process.cpu.time", "messaging.client.sent.messages", "db.client.operations",
}
var histogramNames = []string{"http.server.request.duration", "http.client.request.duration"}
var bounds = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}

// service is one ResourceMetrics.
func service(index, sources, perNumber, perHistogram, histograms int, random *rand.Rand, now uint64) []byte {
	if sources > 0 {
		index %= sources
	}
	runtimeScope := field(nil, 1, scope("@opentelemetry/instrumentation-runtime-node", "0.30.0"))
	for m := range 5 {
		var gauge []byte
		for p := range perNumber {
			point := stamped(7, p, now, now-60e9)
			point = fixed64(point, 4, math.Float64bits(random.Float64()*1000))
			gauge = field(gauge, 1, point)
		}
		runtimeScope = field(runtimeScope, 2, field(named(numberNames[m], "1"), 5, gauge))
	}
	httpScope := field(nil, 1, scope("@opentelemetry/instrumentation-http", "0.301.0"))
	for m := 5; m < 10; m++ {
		var sum []byte
		for p := range perNumber {
			point := stamped(7, p, now, now-3600e9)
			point = fixed64(point, 6, uint64(random.Intn(1e6)))
			sum = field(sum, 1, point)
		}
		sum = number(number(sum, 2, 2), 3, 1)
		httpScope = field(httpScope, 2, field(named(numberNames[m], "{request}"), 7, sum))
	}
	for h := range histograms {
		var histogram []byte
		for p := range perHistogram {
			histogram = field(histogram, 1, histogramPoint(p, random, now))
		}
		histogram = number(histogram, 2, 2)
		httpScope = field(httpScope, 2, field(named(histogramNames[h], "ms"), 9, histogram))
	}
	resourceMetrics := field(nil, 1, resource(index))
	resourceMetrics = field(resourceMetrics, 2, runtimeScope)
	resourceMetrics = field(resourceMetrics, 2, httpScope)
	return text(resourceMetrics, 3, "https://opentelemetry.io/schemas/1.37.0")
}

func histogramPoint(p int, random *rand.Rand, now uint64) []byte {
	point := stamped(9, p, now, now-3600e9)
	var counts, edges []byte
	total := uint64(0)
	for range len(bounds) + 1 {
		count := uint64(random.Intn(1000))
		total += count
		counts = binary.LittleEndian.AppendUint64(counts, count)
	}
	for _, bound := range bounds {
		edges = binary.LittleEndian.AppendUint64(edges, math.Float64bits(bound))
	}
	point = fixed64(point, 4, total)
	point = fixed64(point, 5, math.Float64bits(random.Float64()*1e6))
	point = field(point, 6, counts)
	point = field(point, 7, edges)
	point = fixed64(point, 11, math.Float64bits(random.Float64()*5))
	return fixed64(point, 12, math.Float64bits(random.Float64()*1e4))
}

// stamped begins a data point: its attributes (in field `attributes`) and both times.
func stamped(attributes, p int, now, start uint64) []byte {
	methods := []string{"GET", "POST", "PUT", "DELETE"}
	codes := []uint64{200, 201, 204, 400, 404, 500}
	var point []byte
	point = field(point, attributes, attribute("http.request.method", methods[p%4]))
	point = field(point, attributes, attribute("http.route", fmt.Sprintf("/api/v1/things/%d/:id", p)))
	point = field(point, attributes, attributeInt("http.response.status_code", codes[(p*7)%6]))
	point = field(point, attributes, attribute("server.address", "shop-0.example.com"))
	point = field(point, attributes, attribute("url.scheme", "https"))
	point = field(point, attributes, attribute("network.protocol.version", "1.1"))
	return fixed64(fixed64(point, 2, start), 3, now)
}

func traces(spans, index int, random *rand.Rand, now uint64) []byte {
	names := []string{"GET /api/v1/users", "GET /api/v1/users/:id", "POST /api/v1/orders", "SELECT orders", "SELECT users", "redis GET", "HTTP GET", "publish order.created"}
	var request []byte
	const perService = 200
	for s := range max(1, spans/perService) {
		scopeSpans := field(nil, 1, scope("@opentelemetry/instrumentation-http", "0.301.0"))
		trace, parent := make([]byte, 16), []byte(nil)
		for i := range min(spans, perService) {
			if i%10 == 0 {
				random.Read(trace)
				parent = nil
			}
			id := make([]byte, 8)
			random.Read(id)
			span := field(field(nil, 1, trace), 2, id)
			if parent != nil {
				span = field(span, 4, parent)
			}
			parent = id
			start := now + uint64(i)*1e6
			span = text(span, 5, names[i%8])
			span = number(span, 6, uint64(1+i%3))
			span = fixed64(fixed64(span, 7, start), 8, start+uint64(random.Intn(2e8)))
			span = field(span, 9, attribute("http.request.method", "GET"))
			span = field(span, 9, attribute("http.route", fmt.Sprintf("/api/v1/things/%d/:id", i%20)))
			span = field(span, 9, attributeInt("http.response.status_code", 200))
			span = field(span, 9, attribute("server.address", "shop.example.com"))
			span = field(span, 9, attributeInt("server.port", 8080))
			span = field(span, 9, attribute("url.full", fmt.Sprintf("https://shop.example.com/api/v1/users/%d", random.Intn(1e9))))
			span = field(span, 9, attribute("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"))
			span = field(span, 9, attribute("network.peer.address", fmt.Sprintf("10.0.3.%d", i%250)))
			if i%10 == 5 {
				event := text(fixed64(nil, 1, start), 2, "exception")
				event = field(event, 3, attribute("exception.type", "Error"))
				event = field(event, 3, attribute("exception.message", "connect ECONNREFUSED 10.0.3.1:5432"))
				span = field(span, 11, event)
			}
			if i%20 == 0 {
				span = field(span, 15, number(nil, 3, 2))
			}
			span = binary.LittleEndian.AppendUint32(tag(span, 16, 5), 257)
			scopeSpans = field(scopeSpans, 2, span)
		}
		resourceSpans := field(field(nil, 1, resource(index*10+s)), 2, scopeSpans)
		request = field(request, 1, resourceSpans)
	}
	return request
}

func resource(index int) []byte {
	var r []byte
	r = field(r, 1, attribute("service.name", fmt.Sprintf("service-%d", index)))
	r = field(r, 1, attribute("service.namespace", "shop"))
	r = field(r, 1, attribute("service.instance.id", fmt.Sprintf("627cc493-f310-47de-96bd-%012x", index)))
	r = field(r, 1, attribute("service.version", "1.14.3"))
	r = field(r, 1, attribute("host.name", fmt.Sprintf("ip-10-0-12-%d.eu-west-1.compute.internal", index)))
	r = field(r, 1, attribute("k8s.pod.name", fmt.Sprintf("service-%d-7d9c5b8f6d-x2x7p", index)))
	r = field(r, 1, attribute("telemetry.sdk.language", "nodejs"))
	r = field(r, 1, attribute("telemetry.sdk.name", "opentelemetry"))
	return field(r, 1, attribute("telemetry.sdk.version", "3.1.1"))
}

func scope(name, version string) []byte { return text(text(nil, 1, name), 2, version) }
func named(name, unit string) []byte {
	return text(text(text(nil, 1, name), 2, "A realistic description of "+name), 3, unit)
}
func attribute(key, value string) []byte {
	return field(text(nil, 1, key), 2, text(nil, 1, value))
}
func attributeInt(key string, value uint64) []byte {
	return field(text(nil, 1, key), 2, number(nil, 3, value))
}

func tag(to []byte, id, kind int) []byte { return binary.AppendUvarint(to, uint64(id<<3|kind)) }
func field(to []byte, id int, value []byte) []byte {
	return append(binary.AppendUvarint(tag(to, id, 2), uint64(len(value))), value...)
}
func text(to []byte, id int, value string) []byte { return field(to, id, []byte(value)) }
func number(to []byte, id int, value uint64) []byte {
	return binary.AppendUvarint(tag(to, id, 0), value)
}
func fixed64(to []byte, id int, value uint64) []byte {
	return binary.LittleEndian.AppendUint64(tag(to, id, 1), value)
}

func compress(raw []byte) []byte {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, _ = writer.Write(raw)
	_ = writer.Close()
	return out.Bytes()
}
