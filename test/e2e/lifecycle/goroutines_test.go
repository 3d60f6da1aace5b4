package lifecycle_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/offload/sessiond/test/harness"
)

// TestLeaksNoGoroutine is not parallel, so that every goroutine started while it runs is its own.
func TestLeaksNoGoroutine(t *testing.T) {
	others := goleak.IgnoreCurrent()
	service := harness.Serve(t, nil)
	for n := range 20 {
		service.Issue(t, "install-12345")
		service.Current(t)
		service.Operations(t, http.MethodGet, "/metrics")
		conn := service.Dial(t)
		conn.Send(t, harness.RawRequest("POST", harness.IssuePath, "", "Content-Length: 100")+
			strings.Repeat("x", n))
		require.NoError(t, conn.Close())
	}
	service.Stop(t)
	goleak.VerifyNone(t, others)
}
