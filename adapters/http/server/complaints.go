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
	"sync"
	"time"
)

// complaintEvery is the minimum time between two log lines of one kind: clients cause most of them,
// and none may fill the log.
const complaintEvery = 10 * time.Second

// complaints receives the messages that net/http logs, and the connections whose handshake failed.
// net/http's messages contain addresses and input, so only their kind is logged: each kind at most
// once in complaintEvery, with the number of suppressed ones.
type complaints struct {
	logger *slog.Logger

	mu   sync.Mutex
	last map[string]told // there are few kinds
}

// told is when a kind was last logged, and how often it occurred since.
type told struct {
	at         time.Time
	suppressed int
}

func newComplaints(logger *slog.Logger) *complaints {
	return &complaints{logger: logger, last: map[string]told{}}
}

// kindOther is a message that is not one of kinds.
const kindOther = "other"

// kinds are the beginnings of those net/http messages on which an operator can act.
var kinds = []string{"http: Accept error", "http: superfluous response.WriteHeader call",
	"http: panic serving", "http2: panic serving", "http2: server connection error"}

// Write implements io.Writer, for one message of net/http.
func (c *complaints) Write(line []byte) (int, error) {
	kind := kindOther
	for _, known := range kinds {
		if strings.HasPrefix(string(line), known) {
			kind = known
		}
	}
	c.tell(kind)
	return len(line), nil
}

// tell logs a message of that kind, unless one was logged recently.
func (c *complaints) tell(kind string) {
	now := time.Now()
	c.mu.Lock()
	last := c.last[kind]
	open := last.at.IsZero() || now.Sub(last.at) >= complaintEvery
	if open {
		c.last[kind] = told{at: now}
	} else {
		c.last[kind] = told{at: last.at, suppressed: last.suppressed + 1}
	}
	c.mu.Unlock()
	if open {
		c.logger.LogAttrs(context.Background(), slog.LevelWarn, "http_server_complaint",
			slog.String("kind", kind), slog.Int("suppressed", last.suppressed))
	}
}

// kindUnannounced is a trusted proxy that does not announce its client: most likely it is not
// configured to, and then none of its clients is served.
const kindUnannounced = "PROXY protocol: a trusted proxy announces no client"

// kindMisunderstood is a trusted proxy whose PROXY header is broken, too long or unknown.
const kindMisunderstood = "PROXY protocol: a trusted proxy's announcement cannot be understood"

// unwelcome logs a failed handshake. Scanners cause them all day long, so TLS failures are logged
// at debug level.
func (c *complaints) unwelcome(err error) {
	if announcement, ok := errors.AsType[*announcementError](err); ok && !announcement.silent {
		kind := kindMisunderstood
		if announcement.missing {
			kind = kindUnannounced
		}
		c.tell(kind)
	}
	if _, ok := errors.AsType[*handshakeError](err); ok {
		c.logger.LogAttrs(context.Background(), slog.LevelDebug, "tls_handshake_failed",
			slog.String("reason", handshakeReason(err)))
	}
}

// handshakeReason returns why a handshake failed, as one of a few words.
func handshakeReason(err error) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "not_tls"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "alert: " + alert.Error()
	}
	// A client's alert is the error of an operation: "remote error: tls: bad certificate".
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
