package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
)

// errorLog logs the errors of net/http and of the handshake. net/http's messages hold addresses
// and parts of the input, so only the kind of the message is logged. Most of them are caused by
// clients: the logger limits how many lines are written.
type errorLog struct{ logger *slog.Logger }

func newErrorLog(logger *slog.Logger) *errorLog { return &errorLog{logger: logger} }

// kindOther stands for every message that is not listed in kinds.
const kindOther = "other"

// kinds lists the prefixes of those net/http messages that an operator can act on.
var kinds = []string{"http: Accept error", "http: superfluous response.WriteHeader call",
	"http: panic serving", "http2: panic serving", "http2: server connection error"}

// Write implements io.Writer. Each call is one message of net/http.
func (l *errorLog) Write(line []byte) (int, error) {
	kind := kindOther
	for _, known := range kinds {
		if strings.HasPrefix(string(line), known) {
			kind = known
		}
	}
	l.log(kind)
	return len(line), nil
}

// log logs a message of the given kind.
func (l *errorLog) log(kind string) {
	l.logger.LogAttrs(context.Background(), slog.LevelWarn, "http_server_complaint",
		slog.String("kind", kind))
}

// kindNoProxyHeader is logged when a trusted proxy sends no PROXY header. Most likely it is not
// configured to, and then none of its clients is served.
const kindNoProxyHeader = "PROXY protocol: a trusted proxy announces no client"

// kindBadProxyHeader is logged when a trusted proxy sends a PROXY header that is malformed, too
// long, or of an unknown version.
const kindBadProxyHeader = "PROXY protocol: a trusted proxy's announcement cannot be understood"

// handshakeFailed logs a failed handshake. TLS failures are logged at debug level: scanners cause
// them all day long.
func (l *errorLog) handshakeFailed(err error) {
	if header, ok := errors.AsType[*proxyHeaderError](err); ok && !header.silent {
		kind := kindBadProxyHeader
		if header.missing {
			kind = kindNoProxyHeader
		}
		l.log(kind)
	}
	if _, ok := errors.AsType[*handshakeError](err); ok {
		l.logger.LogAttrs(context.Background(), slog.LevelDebug, "tls_handshake_failed",
			slog.String("reason", handshakeReason(err)))
	}
}

// handshakeReason returns the reason why a TLS handshake failed, from a small set of values.
func handshakeReason(err error) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "not_tls"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "alert: " + alert.Error()
	}
	// An alert that the client sent arrives as a net.OpError: "remote error: tls: bad certificate".
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "remote error" {
		return "client: " + operation.Err.Error()
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "closed"
	}
	return "refused"
}
