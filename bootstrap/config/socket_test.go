package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestSocket covers the public listener on a Unix socket, which no other listener may be on.
func TestSocket(t *testing.T) {
	longest := "unix:/" + strings.Repeat("a.", 49) + "a"
	for _, address := range []string{"unix:/run/sessiond/http.sock", "unix:/s", longest} {
		review := load(t, production("OFFLOAD_HTTP_ADDR="+address))
		assertFindings(t, nil, review.Faults)
		assertFindings(t, nil, review.Warnings)
		assert.Equal(t, address, review.Config.HTTPAddr)
		assert.True(t, review.Config.Socket)
	}
	assert.False(t, load(t, production("OFFLOAD_HTTP_ADDR=:80")).Config.Socket)
	for _, address := range []string{"unix:", "unix:/", "unix:run/a.sock", "unix:@a", "unix:/run/",
		"unix:/a\x01b", longest + "a"} {
		review := load(t, inDevelopment("OFFLOAD_HTTP_ADDR="+address))
		assertFindings(t, []finding{{"OFFLOAD_HTTP_ADDR", "environment", "is not a Unix socket"}},
			review.Faults)
		assert.Equal(t, "use unix: and an absolute path of at most 100 bytes, such as "+
			"unix:/run/sessiond/http.sock", review.Faults[0].Remedy)
	}
	assertFindings(t, []finding{{"OFFLOAD_OPS_ADDR", "environment",
		"is not an address of the form host:port"}},
		load(t, inDevelopment("OFFLOAD_OPS_ADDR=unix:/run/a.sock")).Faults)
	assertFindings(t, nil, load(t, production("OFFLOAD_HTTP_ADDR=unix:/run/a.sock",
		"OFFLOAD_PROXY_PROTOCOL=true")).Faults)
}
