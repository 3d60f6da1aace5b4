package server_test

import (
	"bytes"
	"io"
	"net/http/httptest"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/failure"
)

// TestReadBodyReadsAll reads bodies of all lengths, declared or not, in pieces, and with an end
// that comes with the last piece or after it.
func TestReadBodyReadsAll(t *testing.T) {
	const limit = 1500
	text := bytes.Repeat([]byte("body "), 400)
	for length := range limit + 3 {
		for _, declared := range []int64{-1, 0, int64(length)} {
			for _, read := range []func(io.Reader) io.Reader{iotest.HalfReader,
				iotest.OneByteReader, iotest.DataErrReader} {
				request := httptest.NewRequest("POST", "/", read(bytes.NewReader(text[:length])))
				request.ContentLength = declared
				body, err := server.ReadBody(httptest.NewRecorder(), request, limit)
				if length > limit {
					require.Equal(t, failure.PayloadTooLarge, failure.KindOf(err))
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, text[:length], body)
			}
		}
	}
}
