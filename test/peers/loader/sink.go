package main

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// serveSink answers every export with success and counts its rows; GET /rows/SIGNAL says how many arrived.
func serveSink(address string) error {
	counts := map[string]*atomic.Int64{"metrics": {}, "traces": {}, "logs": {}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rows/{signal}", func(w http.ResponseWriter, r *http.Request) {
		if count, known := counts[r.PathValue("signal")]; known {
			_, _ = fmt.Fprintln(w, count.Load())
		}
	})
	mux.HandleFunc("POST /v1/{signal}", func(w http.ResponseWriter, r *http.Request) {
		reader := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			reader, _ = gzip.NewReader(reader)
		}
		content := make([]byte, 0, max(r.ContentLength, 512))
		content, err := readInto(content, reader)
		count, known := counts[r.PathValue("signal")]
		if err != nil || !known {
			w.WriteHeader(400)
			return
		}
		count.Add(int64(rows(r.PathValue("signal"), content)))
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, mux)
}

func readInto(to []byte, from io.Reader) ([]byte, error) {
	for {
		if len(to) == cap(to) {
			to = append(to, 0)[:len(to)]
		}
		n, err := from.Read(to[len(to):cap(to)])
		to = to[:len(to)+n]
		if err == io.EOF {
			return to, nil
		}
		if err != nil {
			return to, err
		}
	}
}

// rows counts spans, log records or data points: request -> resource -> scope -> (metric -> data ->) row.
func rows(signal string, request []byte) int {
	count := 0
	each(request, 1, func(resource []byte) {
		each(resource, 2, func(scope []byte) {
			each(scope, 2, func(item []byte) {
				if signal != "metrics" {
					count++
					return
				}
				for _, kind := range []int{5, 7, 9, 10, 11} {
					each(item, kind, func(data []byte) {
						each(data, 1, func([]byte) { count++ })
					})
				}
			})
		})
	})
	return count
}

// each visits the length-delimited fields `id` of a message.
func each(message []byte, id int, visit func([]byte)) {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return
		}
		message = message[n:]
		length := 0
		switch key & 7 {
		case 0:
			_, length = binary.Uvarint(message)
		case 1:
			length = 8
		case 5:
			length = 4
		case 2:
			size, m := binary.Uvarint(message)
			if m <= 0 || uint64(len(message)-m) < size {
				return
			}
			message = message[m:]
			length = int(size)
			if int(key>>3) == id {
				visit(message[:length])
			}
		}
		if length > len(message) {
			return
		}
		message = message[length:]
	}
}
