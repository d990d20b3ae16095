package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
)

var services = map[string]string{
	"metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	"traces":  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	"logs":    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

// connectGRPC opens one HTTP/2 connection for every `streams` senders, without TLS.
func connectGRPC(o options, bodies []body) []sender {
	messages := make([][]byte, len(bodies))
	for i, b := range bodies {
		head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b.bytes)))
		messages[i] = append(head, b.bytes...)
	}
	var senders []sender
	for range o.connections {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
		for range o.streams {
			senders = append(senders, &stream{client, "http://" + o.to + services[o.signal], messages})
		}
	}
	return senders
}

type stream struct {
	client   *http.Client
	url      string
	messages [][]byte
}

func (s *stream) send(index int) (int, error) {
	request, err := http.NewRequest("POST", s.url, bytes.NewReader(s.messages[index]))
	if err != nil {
		return 0, err
	}
	request.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err != nil {
		return 0, err
	}
	status := response.Trailer.Get("Grpc-Status")
	if status == "" {
		status = response.Header.Get("Grpc-Status")
	}
	code, err := strconv.Atoi(status)
	switch {
	case err != nil:
		return response.StatusCode + 1000, nil
	case code == 0:
		return 200, nil
	case code == 14 || code == 8:
		return 503, nil
	default:
		return 2000 + code, nil
	}
}
