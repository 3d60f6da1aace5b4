package harness

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// Benchmark serves requests serially and on all cores. It calls request with increasing numbers;
// the response to each request must have the given status.
func Benchmark(b *testing.B, handler http.Handler, status int,
	request func(n int) *http.Request) {
	b.Helper()
	var made atomic.Int64
	serve := func(answer *answer) {
		*answer = newAnswer(answer.body)
		handler.ServeHTTP(answer, request(int(made.Add(1))))
		if answer.status != status {
			b.Errorf("status %d: %s", answer.status, answer.body)
		}
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		var answer answer
		for b.Loop() {
			serve(&answer)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			var answer answer
			for pb.Next() {
				serve(&answer)
			}
		})
	})
}

// answer is a response writer that costs a benchmark only the map of headers, as in net/http.
type answer struct {
	header http.Header
	status int
	body   []byte
}

func newAnswer(space []byte) answer { return answer{header: http.Header{}, body: space[:0]} }

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(data []byte) (int, error) {
	a.body = append(a.body, data...)
	return len(data), nil
}

// SetReadDeadline does what http.ResponseController expects.
func (*answer) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does what http.ResponseController expects.
func (*answer) SetWriteDeadline(time.Time) error { return nil }
