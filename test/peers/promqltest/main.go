// Prometheus's own test runner, parser and engine, without a server around them.
//
//	promqltest run FILE…   runs scripts as Go's tests, which say what fails; the exit code is 1 then
//	promqltest answer      reads lines of JSON and answers each with one: {"load": script} fills an empty storage,
//	                       {"query", "at"} or {"query", "start", "end", "step"} asks it, {"parse": query} prints a query
//
// Times are milliseconds; numbers are strings, with which none is lost.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/teststorage"
)

func main() {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "run":
		runFiles(os.Args[2:])
	case len(os.Args) == 2 && os.Args[1] == "answer":
		answerAll()
	default:
		fmt.Fprintln(os.Stderr, "usage: promqltest run FILE… | promqltest answer")
		os.Exit(2)
	}
}

// Ends the process.
func runFiles(files []string) {
	tests := make([]testing.InternalTest, len(files))
	for i, file := range files {
		tests[i] = testing.InternalTest{Name: file, F: func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			promqltest.RunTestWithStorage(t, string(text), newEngine(true), newStorage)
		}}
	}
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, tests, nil, nil)
}

func say(what any) {
	text, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func newEngine(delayedNameRemoval bool) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:                   promslog.NewNopLogger(),
		MaxSamples:               promqltest.DefaultMaxSamplesPerQuery * 100,
		Timeout:                  100 * time.Second,
		NoStepSubqueryIntervalFn: func(int64) int64 { return 60_000 },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		LookbackDelta:            5 * time.Minute,
		EnableDelayedNameRemoval: delayedNameRemoval,
		UseStartTimestamps:       true,
		Parser:                   queries,
	})
}

var queries = parser.NewParser(promqltest.TestParserOpts)

// As Prometheus runs its own suite: start timestamps are kept.
func newStorage(t testing.TB) storage.Storage {
	return teststorage.New(t, func(opt *tsdb.Options) {
		opt.EnableSTStorage = true
		opt.FloatChunkEncoding = chunkenc.EncXOR2
		opt.EnableHistogramSTEncoding = true
	})
}

// Takes a script that only loads: what fails comes back as an error.
type loader struct {
	testing.TB
	texts    []string
	cleanups []func()
}

type failed struct{}

func load(text string, engine *promql.Engine, open func(testing.TB) storage.Storage) (err error) {
	t := &loader{}
	defer func() {
		if recovered := recover(); recovered != nil {
			if _, ok := recovered.(failed); !ok {
				t.texts = append(t.texts, fmt.Sprint("panic: ", recovered))
			}
		}
		for _, clean := range t.cleanups {
			clean()
		}
		if len(t.texts) > 0 {
			err = fmt.Errorf("%s", strings.Join(t.texts, "\n"))
		}
	}()
	promqltest.RunTestWithStorage(t, text, engine, open)
	return nil
}

func (t *loader) Helper()              {}
func (t *loader) Log(...any)           {}
func (t *loader) Logf(string, ...any)  {}
func (t *loader) Name() string         { return "load" }
func (t *loader) Failed() bool         { return len(t.texts) > 0 }
func (t *loader) Cleanup(clean func()) { t.cleanups = append(t.cleanups, clean) }
func (t *loader) Error(args ...any)    { t.texts = append(t.texts, fmt.Sprint(args...)) }
func (t *loader) Errorf(format string, a ...any) {
	t.texts = append(t.texts, fmt.Sprintf(format, a...))
}
func (t *loader) FailNow()                       { panic(failed{}) }
func (t *loader) Fatal(args ...any)              { t.Error(args...); t.FailNow() }
func (t *loader) Fatalf(format string, a ...any) { t.Errorf(format, a...); t.FailNow() }

type request struct {
	Load  *string `json:"load"`
	Parse *string `json:"parse"`
	Query string  `json:"query"`
	At    *int64  `json:"at"`
	Start int64   `json:"start"`
	End   int64   `json:"end"`
	Step  int64   `json:"step"`
	// Names go at each step, not at the end.
	Early bool `json:"early"`
}

type answer struct {
	Error    string   `json:"error,omitempty"`
	Printed  string   `json:"printed,omitempty"`
	Pretty   string   `json:"pretty,omitempty"`
	Type     string   `json:"type,omitempty"`
	Series   []series `json:"series,omitempty"`
	Text     string   `json:"text,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Infos    []string `json:"infos,omitempty"`
}

type series struct {
	Labels map[string]string `json:"labels"`
	// [time, number] or [time, histogram]
	Points [][2]any `json:"points"`
}

func answerAll() {
	late, early := newEngine(true), newEngine(false)
	var samples storage.Storage = nothing()
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		switch {
		case asked.Load != nil:
			kept := &kept{Storage: nothing()}
			err := load(*asked.Load, late, func(testing.TB) storage.Storage { return kept })
			samples = kept
			say(answer{Error: message(err)})
		case asked.Parse != nil:
			say(parse(*asked.Parse))
		case asked.Early:
			say(ask(early, samples, asked))
		default:
			say(ask(late, samples, asked))
		}
	}
}

// Stays open when the script that filled it is over.
type kept struct{ storage.Storage }

func (kept) Close() error { return nil }

func nothing() storage.Storage {
	return newStorage(&loader{})
}

func parse(text string) answer {
	expr, err := queries.ParseExpr(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Printed: expr.String(), Pretty: parser.Prettify(expr)}
}

func ask(engine *promql.Engine, samples storage.Storage, asked request) (told answer) {
	defer func() {
		if recovered := recover(); recovered != nil {
			told = answer{Error: fmt.Sprint("panic: ", recovered)}
		}
	}()
	var query promql.Query
	var err error
	ctx := context.Background()
	if asked.At != nil {
		query, err = engine.NewInstantQuery(ctx, samples, nil, asked.Query, time.UnixMilli(*asked.At))
	} else {
		query, err = engine.NewRangeQuery(ctx, samples, nil, asked.Query, time.UnixMilli(asked.Start), time.UnixMilli(asked.End), time.Duration(asked.Step)*time.Millisecond)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return answer{Error: result.Err.Error()}
	}
	told.Warnings, told.Infos = result.Warnings.AsStrings(asked.Query, 0, 0)
	told.Type = string(result.Value.Type())
	switch v := result.Value.(type) {
	case promql.Scalar:
		told.Series = []series{{map[string]string{}, [][2]any{{v.T, number(v.V)}}}}
	case promql.String:
		told.Text = v.V
	case promql.Vector:
		for _, s := range v {
			told.Series = append(told.Series, series{s.Metric.Map(), [][2]any{point(s.T, s.F, s.H)}})
		}
	case promql.Matrix:
		for _, s := range v {
			points := [][2]any{}
			for _, p := range s.Floats {
				points = append(points, point(p.T, p.F, nil))
			}
			for _, p := range s.Histograms {
				points = append(points, point(p.T, 0, p.H))
			}
			told.Series = append(told.Series, series{s.Metric.Map(), points})
		}
	}
	return told
}

func point(t int64, f float64, h *histogram.FloatHistogram) [2]any {
	if h == nil {
		return [2]any{t, number(f)}
	}
	// As the runner compares them.
	h = h.Copy().Compact(0)
	return [2]any{t, map[string]any{
		"schema": h.Schema, "count": number(h.Count), "sum": number(h.Sum), "zeroThreshold": number(h.ZeroThreshold), "zeroCount": number(h.ZeroCount),
		"positiveSpans": spans(h.PositiveSpans), "positiveCounts": numbers(h.PositiveBuckets),
		"negativeSpans": spans(h.NegativeSpans), "negativeCounts": numbers(h.NegativeBuckets),
		"customBounds": numbers(h.CustomValues), "resetHint": []string{"unknown", "reset", "not_reset", "gauge"}[h.CounterResetHint],
	}}
}

func number(f float64) string {
	if value.IsStaleNaN(f) {
		return "stale"
	}
	if math.IsInf(f, 0) {
		return strings.Replace(strconv.FormatFloat(f, 'g', -1, 64), "Inf", "Infinity", 1)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func numbers(list []float64) []string {
	texts := make([]string, len(list))
	for i, f := range list {
		texts[i] = number(f)
	}
	return texts
}

func spans(list []histogram.Span) [][2]int {
	pairs := make([][2]int, len(list))
	for i, s := range list {
		pairs[i] = [2]int{int(s.Offset), int(s.Length)}
	}
	return pairs
}
