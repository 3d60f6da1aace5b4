package envelope_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// TestSentPathIsNeitherDecodedNorCleaned reads the path of targets in every form (RFC 9112 §3.2).
func TestSentPathIsNeitherDecodedNorCleaned(t *testing.T) {
	for target, want := range map[string]string{
		"/a/b": "/a/b", "/a/b?c=/d": "/a/b", "/": "/", "//a/../%61/": "//a/../%61/",
		"http://host/a?b": "/a", "https://host:1//a": "//a", "http://host": "/",
		"http://host?/a": "/", "*": "", "host:443": "", "": "",
	} {
		assert.Equal(t, want, envelope.SentPath(&http.Request{RequestURI: target}), target)
	}
}
