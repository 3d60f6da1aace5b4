package trace

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/offload/sessiond/ports"
)

// newExporter returns the exporter that settings describe. Only OTLP over HTTP is supported: gRPC
// would add fourteen modules and megabytes of memory, and every collector accepts HTTP.
func newExporter(ctx context.Context, settings *Settings,
	client *http.Client) (sdk.SpanExporter, error) {
	collector, err := newCollector(settings, client)
	if err != nil {
		return nil, err
	}
	return otlptrace.New(ctx, collector)
}

// exporter wraps an exporter and reports lost spans, the first export that fails, and the first
// that succeeds again.
type exporter struct {
	sdk.SpanExporter
	client *http.Client
	events ports.Events // set before the first span begins
	losing atomic.Bool  // the last export failed
}

// ExportSpans implements sdk.SpanExporter. It always returns nil, because it reports lost spans
// itself.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	ctx = context.WithoutCancel(ctx)
	switch {
	case err != nil:
		reason := reasonOf(err)
		e.events.Record(ctx, ports.SpansLost{Count: len(spans), Reason: reason})
		if !e.losing.Swap(true) {
			e.events.Record(ctx, ports.TracesLost{Cause: causes[reason]})
		}
	case e.losing.Swap(false):
		e.events.Record(ctx, ports.TracesExported{})
	}
	return nil
}

// Shutdown implements sdk.SpanExporter. It also closes the connections to the collector.
func (e *exporter) Shutdown(ctx context.Context) error {
	defer e.client.CloseIdleConnections()
	return e.SpanExporter.Shutdown(ctx)
}

// causes holds the error that is reported for each reason. The errors of the libraries are not
// reported, because they contain addresses and answers of the collector.
var causes = map[ports.SpanLoss]error{
	ports.SpansUnreachable: errors.New("the collector cannot be reached"),
	ports.SpansLate:        errors.New("the collector did not answer in time"),
	ports.SpansRedirected:  errRedirected,
	ports.SpansRefused:     errNotAccepted,
}

// reasonOf returns the reason for which spans count as lost after an export failed with err.
func reasonOf(err error) ports.SpanLoss {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return ports.SpansUnreachable
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return ports.SpansUnreachable
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ports.SpansLate
	case errors.Is(err, errRedirected):
		return ports.SpansRedirected
	}
	return ports.SpansRefused
}
