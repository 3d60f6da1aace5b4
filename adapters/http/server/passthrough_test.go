package server_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports/portsmock"
)

// direct is a response writer that records which of its methods received the body.
type direct struct {
	http.ResponseWriter
	used []string
}

func (d *direct) Write(data []byte) (int, error) {
	d.used = append(d.used, "Write")
	return len(data), nil
}

func (d *direct) WriteString(text string) (int, error) {
	d.used = append(d.used, "WriteString")
	return len(text), nil
}

func (d *direct) ReadFrom(source io.Reader) (int64, error) {
	d.used = append(d.used, "ReadFrom")
	return io.Copy(io.Discard, source)
}

// TestWritersPassOnTextAndStreams checks that no writer between net/http and a handler makes a copy
// of what the handler writes.
func TestWritersPassOnTextAndStreams(t *testing.T) {
	clock := &portsmock.ClockMock{InstantFunc: func() throttle.Instant { return 0 }}
	write := func(w http.ResponseWriter) {
		for _, err := range []error{
			second(w.Write([]byte("bytes"))),
			second(io.WriteString(w, "text")),
			// a reader without WriteTo, so that io.Copy has to use the writer
			second(io.Copy(w, io.LimitReader(strings.NewReader("stream"), 6))),
		} {
			require.NoError(t, err)
		}
	}
	for name, serve := range map[string]func(w http.ResponseWriter){
		"of the server": func(w http.ResponseWriter) { write(server.ClosingWriter(w)) },
		"of the router": func(w http.ResponseWriter) {
			routes := []server.Route{{Pattern: "/",
				Handle: func(w http.ResponseWriter, _ *http.Request) error {
					write(w)
					return nil
				}}}
			server.NewRouter(routes, clock, &recordedTraffic{},
				slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &direct{ResponseWriter: httptest.NewRecorder()}
			serve(w)
			assert.Equal(t, []string{"Write", "WriteString", "ReadFrom"}, w.used)
		})
	}
}

// second returns the error of a write.
func second[N int | int64](_ N, err error) error { return err }
