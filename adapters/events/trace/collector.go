package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// collector sends spans to a collector over HTTP. It implements otlptrace.Client. It takes the
// place of otlptracehttp, which links gRPC and would cost memory and time at the start even of a
// service without traces.
type collector struct {
	*Settings

	url    string
	client *http.Client
}

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 64 << 10

// errNotAccepted is the error of an export if the collector answered that it did not accept all
// spans.
var errNotAccepted = errors.New("the collector did not accept the spans")

// newCollector returns the collector that settings describe. The default endpoint is that of the
// SDK.
func newCollector(settings *Settings, client *http.Client) (*collector, error) {
	endpoint := settings.endpoint
	if endpoint == nil {
		endpoint = &url.URL{Scheme: "https", Host: "localhost:4318", Path: "/v1/traces"}
		if settings.insecure {
			endpoint.Scheme = "http"
		}
	}
	if endpoint.Scheme == "http" && settings.tls != nil {
		return nil, errors.New("files for TLS, and a collector without TLS")
	}
	return &collector{Settings: settings, url: endpoint.String(), client: client}, nil
}

// Start implements otlptrace.Client.
func (c *collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error { return nil }

// The retries of an export.
const (
	// firstWait and maxWait are the first and the longest wait between two attempts.
	firstWait = 5 * time.Second
	maxWait   = 30 * time.Second
	// maxElapsed is how long after the first attempt there may be another.
	maxElapsed = time.Minute
)

// UploadTraces implements otlptrace.Client. It tries again if the collector, or a proxy before it,
// is overloaded or temporarily unavailable, until ctx ends or maxElapsed has passed.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// TracesData has the same form on the wire as the request that collectors expect.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	if c.gzip {
		body = compress(body)
	}
	var last error
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		last = c.send(ctx, body)
		return struct{}{}, last
	}, backoff.WithMaxElapsedTime(maxElapsed), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: firstWait, MaxInterval: maxWait, Multiplier: 2,
		RandomizationFactor: backoff.DefaultRandomizationFactor}))
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// compress returns body compressed with gzip.
func compress(body []byte) []byte {
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, _ = writer.Write(body) // writing to memory cannot fail
	_ = writer.Close()
	return compressed.Bytes()
}

// send makes one attempt. Its error is a *backoff.PermanentError if no other must follow.
func (c *collector) send(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(err)
	}
	request.Header = c.headers.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	if c.gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := c.client.Do(request)
	if late, ok := errors.AsType[*url.Error](err); ok && late.Timeout() {
		return err
	}
	if err != nil {
		return backoff.Permanent(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch response.StatusCode {
	case http.StatusOK:
		if err == nil && rejected(answer) {
			err = errNotAccepted
		}
		return backoff.Permanent(err)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
			return errors.Join(errNotAccepted, backoff.RetryAfter(max(seconds, 0)))
		}
		return errNotAccepted
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return errNotAccepted
	}
	return backoff.Permanent(errNotAccepted)
}

// rejected reports whether the collector rejected some of the spans. answer is an
// ExportTraceServiceResponse, whose only field is partial_success; the first field of that is
// rejected_spans. An answer in another form rejects none.
func rejected(answer []byte) bool {
	number, kind, n := protowire.ConsumeTag(answer)
	if number != 1 || kind != protowire.BytesType {
		return false
	}
	partial, _ := protowire.ConsumeBytes(answer[n:])
	number, kind, n = protowire.ConsumeTag(partial)
	if number != 1 || kind != protowire.VarintType {
		return false
	}
	count, _ := protowire.ConsumeVarint(partial[n:])
	return count > 0
}
