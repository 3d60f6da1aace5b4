package clientaddr_test

import (
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/domain/clientaddr"
)

func TestHeaders(t *testing.T) {
	entries := map[string]string{}
	for _, header := range clientaddr.Headers() {
		all := slices.Collect(iter.Seq[string](header.Entries([]string{"for=192.0.2.1"})))
		assert.Len(t, all, 1)
		entries[header.String()] = all[0]
	}
	assert.Equal(t, map[string]string{"X-Forwarded-For": "for=192.0.2.1",
		"Forwarded": "192.0.2.1"}, entries)
	assert.Equal(t, "X-Forwarded-For", clientaddr.Header(0).String())
}
