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

// newExporter returns the exporter that settings describe. There is one: a second, over gRPC, would
// bring fourteen modules and megabytes of memory for what every collector takes over HTTP.
func newExporter(ctx context.Context, settings *Settings,
	client *http.Client) (sdk.SpanExporter, error) {
	collector, err := newCollector(settings, client)
	if err != nil {
		return nil, err
	}
	return otlptrace.New(ctx, collector)
}

// exporter reports the spans that are lost, when that begins, and when it ends.
type exporter struct {
	sdk.SpanExporter
	client *http.Client
	events ports.Events // set before the first span begins
	losing atomic.Bool
}

// ExportSpans implements sdk.SpanExporter. It returns no error: lost spans are reported here.
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

// Shutdown implements sdk.SpanExporter. It closes the connections to the collector too.
func (e *exporter) Shutdown(ctx context.Context) error {
	defer e.client.CloseIdleConnections()
	return e.SpanExporter.Shutdown(ctx)
}

// causes says why spans were lost. The errors of the libraries hold addresses and what a collector
// answered.
var causes = map[ports.SpanLoss]error{
	ports.SpansUnreachable: errors.New("the collector cannot be reached"),
	ports.SpansLate:        errors.New("the collector did not answer in time"),
	ports.SpansRedirected:  errRedirected,
	ports.SpansRefused:     errNotAccepted,
}

// reasonOf returns why an export failed.
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
