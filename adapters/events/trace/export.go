package trace

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/offload/sessiond/ports"
)

// errVariables is why there are no traces although the environment asks for them.
var errVariables = errors.New("name an exporter or a protocol that is not known (otlp over " +
	"http/protobuf is), resource attributes that cannot be read, or a size that is out of range")

// newExporter returns the exporter that the environment names. There is one: a second, over gRPC,
// would bring fourteen modules and a megabyte of memory for what every collector takes over HTTP.
func newExporter(ctx context.Context) (sdk.SpanExporter, error) {
	protocol := cmp.Or(os.Getenv(varTracesProtocol), os.Getenv(varProtocol), protocolHTTP)
	if cmp.Or(os.Getenv(varExporter), exporterOTLP) != exporterOTLP || protocol != protocolHTTP {
		return nil, errVariables
	}
	return otlptracehttp.New(ctx)
}

// The values that the variables may have.
const (
	exporterOTLP = "otlp"
	protocolHTTP = "http/protobuf"
)

// Why spans were lost. The errors of the libraries hold addresses and what a collector answered.
var (
	errUnreachable = errors.New("the collector cannot be reached")
	errLate        = errors.New("the collector did not answer in time")
	errRefused     = errors.New("the collector did not accept the spans")
)

// exporter reports when spans begin to be lost, and when they no longer are.
type exporter struct {
	sdk.SpanExporter
	events ports.Events
	losing atomic.Bool
}

// ExportSpans implements sdk.SpanExporter. It returns no error: lost spans are reported here.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !e.losing.Swap(true):
		e.events.Record(context.WithoutCancel(ctx), ports.TracesLost{Cause: causeOf(err)})
	case err == nil && e.losing.Swap(false):
		e.events.Record(context.WithoutCancel(ctx), ports.TracesExported{})
	}
	return nil
}

// causeOf returns the cause of a failed export in our words.
func causeOf(err error) error {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return errUnreachable
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return errUnreachable
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errLate
	}
	return errRefused
}
