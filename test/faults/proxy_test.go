package faults_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// proxy stands before a server and does to its answers what networks do.
type proxy struct{ *toxiproxy.Proxy }

func startProxy(t testing.TB, upstream string) *proxy {
	t.Helper()
	p := &proxy{toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil),
		zerolog.Nop()), "store", "127.0.0.1:0", upstream)}
	require.NoError(t, p.Start())
	t.Cleanup(p.Stop)
	return p
}

func (p *proxy) address() string { return p.Listen }

// poison has a toxic act on all connections, those that are open too.
func (p *proxy) poison(t testing.TB, kind, attributes string) {
	t.Helper()
	text := fmt.Sprintf(`{"name":"toxic","type":%q,"stream":"downstream","attributes":{%s}}`, kind,
		attributes)
	_, err := p.Toxics.AddToxicJson(strings.NewReader(text))
	require.NoError(t, err)
}

// heal takes the toxic away.
func (p *proxy) heal(t testing.TB) {
	t.Helper()
	require.NoError(t, p.Toxics.RemoveToxic(context.Background(), "toxic"))
}
