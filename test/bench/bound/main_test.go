// Package bound_test measures what sessions that are bound to device keys cost, beside those that
// are not: requests in the use cases, and very many installations in the storages. With -page it
// writes the tables into docs/bound.md. See make bench-bound.
package bound_test

import (
	"context"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/ports"
	"github.com/offload/sessiond/test/marked"
)

var (
	page          = flag.String("page", "", "the page that the tables are written into")
	installations = flag.Int("installations", 20_000, "how many installations enrol and renew")
)

// write writes a table into the page, if there is one, and shows it.
func write(t *testing.T, name, text string) {
	t.Helper()
	t.Log("\n" + text)
	if *page != "" && !t.Failed() {
		require.NoError(t, marked.Replace(*page, name, text))
	}
}

// ignored drops events.
type ignored struct{}

func (ignored) Record(context.Context, ports.Event) {}
