// Writes blocks and chunks with Prometheus's own library, for tests of what reads them: see README.md.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand"
	"os"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const begin = 1_700_000_000_000

var random = rand.New(rand.NewSource(7))

func whole(schema int32, gauge bool, h *histogram.Histogram) *histogram.Histogram {
	if h == nil {
		h = &histogram.Histogram{Schema: schema}
		if schema == histogram.CustomBucketsSchema {
			h.CustomValues = []float64{-1.5, 0, 0.005, 0.1, 12.345, 40000, 1e-7}[1:6]
			h.PositiveSpans = []histogram.Span{{Offset: 0, Length: 2}, {Offset: 1, Length: 3}}
			h.PositiveBuckets = make([]int64, 5)
		} else {
			h.ZeroThreshold = []float64{0, math.Ldexp(1, -128), 0.001, 1024}[random.Intn(4)]
			h.PositiveSpans = []histogram.Span{{Offset: int32(random.Intn(9) - 4), Length: 2}, {Offset: 3, Length: 4}}
			h.PositiveBuckets = make([]int64, 6)
			h.NegativeSpans = []histogram.Span{{Offset: -2, Length: 3}}
			h.NegativeBuckets = make([]int64, 3)
		}
		if gauge {
			h.CounterResetHint = histogram.GaugeType
		}
	} else {
		h = h.Copy()
	}
	grow := func(deltas []int64) {
		last, lastGrown := int64(0), int64(0)
		for i, d := range deltas {
			last += d
			grown := last + int64(random.Intn(50))
			if gauge {
				grown = int64(random.Intn(100_000))
			}
			if random.Intn(20) == 0 && !gauge {
				grown += 1 << 40
			}
			deltas[i] = grown - lastGrown
			lastGrown = grown
			h.Count += uint64(max(0, grown-last))
		}
	}
	grow(h.PositiveBuckets)
	grow(h.NegativeBuckets)
	if schema != histogram.CustomBucketsSchema {
		h.ZeroCount += uint64(random.Intn(5))
	}
	h.Count = h.ZeroCount
	sum := int64(0)
	for _, d := range h.PositiveBuckets {
		sum += d
		h.Count += uint64(sum)
	}
	sum = 0
	for _, d := range h.NegativeBuckets {
		sum += d
		h.Count += uint64(sum)
	}
	h.Sum += random.NormFloat64() * 10
	return h
}

func bits(f float64) string { return fmt.Sprintf("%016x", math.Float64bits(f)) }

type sample struct {
	Time, Start int64
	Value       string `json:",omitempty"`
	Histogram   any    `json:",omitempty"`
}
type oneChunk struct {
	Encoding int
	Data     string
	Samples  []sample
}

func shown(h *histogram.FloatHistogram) any {
	if value.IsStaleNaN(h.Sum) {
		return "stale"
	}
	hint := "unknown"
	if h.CounterResetHint == histogram.GaugeType {
		hint = "gauge"
	}
	spans := func(spans []histogram.Span) any {
		all := []any{}
		for _, s := range spans {
			all = append(all, map[string]any{"offset": s.Offset, "length": s.Length})
		}
		return all
	}
	list := func(l []float64) []float64 {
		if l == nil {
			return []float64{}
		}
		return l
	}
	return map[string]any{
		"schema": h.Schema, "count": h.Count, "sum": h.Sum, "zeroThreshold": h.ZeroThreshold, "zeroCount": h.ZeroCount,
		"positiveSpans": spans(h.PositiveSpans), "positiveCounts": list(h.PositiveBuckets),
		"negativeSpans": spans(h.NegativeSpans), "negativeCounts": list(h.NegativeBuckets),
		"customBounds": list(h.CustomValues), "resetHint": hint,
	}
}

func readBack(chunk chunkenc.Chunk) oneChunk {
	chunk.Compact()
	out := oneChunk{Encoding: int(chunk.Encoding()), Data: base64.StdEncoding.EncodeToString(chunk.Bytes())}
	it := chunk.Iterator(nil)
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		if kind == chunkenc.ValFloat {
			t, v := it.At()
			out.Samples = append(out.Samples, sample{Time: t, Start: it.AtST(), Value: bits(v)})
		} else {
			t, h := it.AtFloatHistogram(nil)
			out.Samples = append(out.Samples, sample{Time: t, Start: it.AtST(), Histogram: shown(h)})
		}
	}
	if it.Err() != nil {
		panic(it.Err())
	}
	return out
}

func start(i int, kind int) int64 {
	switch kind {
	case 1:
		return begin - 5000
	case 2:
		return begin - 5000 + int64(i/3)*7000
	case 3:
		if i > 4 {
			return begin + int64(i)
		}
	}
	return 0
}

func chunks() (all []oneChunk) {
	type maker func() chunkenc.Chunk
	floats := map[bool]maker{false: func() chunkenc.Chunk { return chunkenc.NewXORChunk() }, true: func() chunkenc.Chunk { return chunkenc.NewXOR2Chunk() }}
	for kind := 0; kind < 8; kind++ {
		for _, second := range []bool{false, true} {
			chunk := floats[second]()
			app, err := chunk.Appender()
			if err != nil {
				panic(err)
			}
			t, v := int64(begin), 1.0
			length := []int{1, 2, 3, 40, 130, 40, 40, 40}[kind]
			for i := 0; i < length; i++ {
				t += []int64{15000, 15000, 15001, 14000, 900000, 4000000, 1 << 33}[random.Intn(4+3*(kind&1))]
				switch random.Intn(6) {
				case 0:
					v += 1
				case 1:
					v = random.NormFloat64() * math.Pow(10, float64(random.Intn(30)-15))
				case 2:
					v = []float64{math.Inf(1), math.NaN(), 0, math.Copysign(0, -1), math.MaxFloat64, 5e-324}[random.Intn(6)]
				}
				written := v
				if random.Intn(9) == 0 || (kind == 6 && i == 0) {
					written = math.Float64frombits(value.StaleNaN)
				}
				s := int64(0)
				if second {
					s = start(i, kind%4)
				}
				app.Append(s, t, written)
			}
			all = append(all, readBack(chunk))
		}
	}
	for _, schema := range []int32{0, 3, -4, 8, 20, histogram.CustomBucketsSchema} {
		for kind := 0; kind < 16; kind++ {
			isFloat, gauge, started := kind&1 == 1, kind&2 != 0, kind&4 != 0
			var chunk chunkenc.Chunk
			switch {
			case isFloat && started:
				chunk = chunkenc.NewFloatHistogramSTChunk()
			case isFloat:
				chunk = chunkenc.NewFloatHistogramChunk()
			case started:
				chunk = chunkenc.NewHistogramSTChunk()
			default:
				chunk = chunkenc.NewHistogramChunk()
			}
			app, err := chunk.Appender()
			if err != nil {
				panic(err)
			}
			var h *histogram.Histogram
			t := int64(begin)
			length := []int{1, 9}[(kind>>3)&1]
			if schema == 3 && (kind == 12 || kind == 13) {
				length = 140
			}
			for i := 0; i < length; i++ {
				t += 15000 + int64(random.Intn(3))
				h = whole(schema, gauge, h)
				written := h
				if (i == length-1 && kind&4 != 0 && i > 0) || (schema == -4 && kind < 2) {
					written = &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}
				}
				s := int64(0)
				if started {
					s = start(i, 1+int(schema+60)%3)
				}
				var made chunkenc.Chunk
				if isFloat {
					f := written.ToFloat(nil)
					if !value.IsStaleNaN(f.Sum) && schema != histogram.CustomBucketsSchema {
						f.ZeroCount += 0.25
						f.Count += 0.25
						h.ZeroCount++
					}
					made, _, _, err = app.AppendFloatHistogram(nil, s, t, f, false)
				} else {
					made, _, _, err = app.AppendHistogram(nil, s, t, written, false)
				}
				if err != nil || made != nil {
					// A new chunk would be needed, as by a reset of the zero threshold: not here.
					break
				}
			}
			all = append(all, readBack(chunk))
		}
	}
	return all
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A block of a few series of every kind, of which some is deleted.
func block(dir string) {
	w, err := tsdb.NewBlockWriter(slog.Default(), dir, 2*3_600_000)
	must(err)
	app := w.Appender(context.Background())
	var whole1, custom, gauge *histogram.Histogram
	for i := int64(0); i < 150; i++ {
		t := int64(begin) + 15000*i
		add := func(name string, v float64) {
			_, err := app.Append(0, labels.FromStrings("__name__", name, "instance", "a:1"), t, v)
			must(err)
		}
		addHistogram := func(name string, h *histogram.Histogram, fh *histogram.FloatHistogram) {
			_, err := app.AppendHistogram(0, labels.FromStrings("__name__", name, "instance", "a:1"), t, h, fh)
			must(err)
		}
		add("ticks_total", float64(i))
		add("gone", float64(i))
		if i == 70 {
			add("level", math.Float64frombits(value.StaleNaN))
		} else {
			add("level", math.Round(random.NormFloat64()*100)/10)
		}
		if i%60 == 40 {
			whole1 = nil // begins anew
		}
		whole1 = whole(1, false, whole1)
		gauge = whole(0, true, gauge)
		custom = whole(histogram.CustomBucketsSchema, false, custom)
		if i == 100 {
			addHistogram("sizes", &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}, nil)
		} else {
			addHistogram("sizes", whole1, nil)
		}
		addHistogram("custom", custom, nil)
		half := custom.ToFloat(nil)
		addHistogram("shares", nil, half.Mul(0.5))
		addHistogram("temperatures", gauge, nil)
	}
	must(app.Commit())
	id, err := w.Flush(context.Background())
	must(err)
	must(w.Close())
	opened, err := tsdb.OpenBlock(slog.Default(), dir+"/"+id.String(), nil, nil)
	must(err)
	ctx := context.Background()
	must(opened.Delete(ctx, begin+15000*10, begin+15000*19, labels.MustNewMatcher(labels.MatchEqual, "__name__", "ticks_total")))
	must(opened.Delete(ctx, math.MinInt64, math.MaxInt64, labels.MustNewMatcher(labels.MatchEqual, "__name__", "gone")))
	must(opened.Close())
	// What Prometheus reads of it.
	must(os.MkdirAll(dir+"/sandbox", 0o755))
	must(os.MkdirAll(dir+"/wal", 0o755))
	db, err := tsdb.OpenDBReadOnly(dir, dir+"/sandbox", slog.Default())
	must(err)
	q, err := db.Querier(begin-1, begin+1_000_000_000)
	must(err)
	type series struct {
		Labels  map[string]string
		Samples []sample
	}
	all := []series{}
	for found := q.Select(ctx, true, &storage.SelectHints{Start: begin - 1, End: begin + 1_000_000_000}, labels.MustNewMatcher(labels.MatchNotEqual, "__name__", "")); found.Next(); {
		one := series{Labels: found.At().Labels().Map()}
		it := found.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			if kind == chunkenc.ValFloat {
				t, v := it.At()
				one.Samples = append(one.Samples, sample{Time: t, Value: bits(v)})
			} else {
				t, h := it.AtFloatHistogram(nil)
				one.Samples = append(one.Samples, sample{Time: t, Histogram: shown(h)})
			}
		}
		all = append(all, one)
	}
	must(q.Close())
	must(db.Close())
	must(os.RemoveAll(dir + "/sandbox"))
	must(os.RemoveAll(dir + "/wal"))
	write(dir+"/expected.json", all)
}

func write(path string, what any) {
	bytes, err := json.Marshal(what)
	must(err)
	must(os.WriteFile(path, append(bytes, '\n'), 0o644))
}

func main() {
	must(os.MkdirAll(os.Args[1], 0o755))
	write(os.Args[1]+"/chunks.json", chunks())
	block(os.Args[1])
}
