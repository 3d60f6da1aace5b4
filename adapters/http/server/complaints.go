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

// complaintEvery is how often one kind of complaint is told at most: clients make most of them, and none shall fill the log.
const complaintEvery = 10 * time.Second

// complaints is what net/http itself has to say, and the lobby of those whom it turned away. net/http says it with addresses and pieces of input, so only the
// kind of complaint goes on: each at most once in a while, with how often it was left out before.
type complaints struct {
	logger *slog.Logger

	mu   sync.Mutex
	last map[string]told // kinds are few
}

// told is when a kind was told last, and how often it came since.
type told struct {
	at         time.Time
	suppressed int
}

func newComplaints(logger *slog.Logger) *complaints {
	return &complaints{logger: logger, last: map[string]told{}}
}

// kindOther is a complaint that is not one of kinds.
const kindOther = "other"

// kinds are the beginnings of net/http's complaints that an operator can do something with.
var kinds = []string{"http: Accept error", "http: superfluous response.WriteHeader call",
	"http: panic serving", "http2: panic serving", "http2: server connection error"}

// Write is io.Writer's, of one complaint of net/http.
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

// tell logs a complaint of that kind, unless one was logged a moment ago.
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

// kindUnannounced is a trusted proxy that does not announce its client: most likely it is not told to, and then none of its clients is served.
const kindUnannounced = "PROXY protocol: a trusted proxy announces no client"

// kindMisunderstood is a trusted proxy that does announce its client, in a way that is broken, too long or not known.
const kindMisunderstood = "PROXY protocol: a trusted proxy's announcement cannot be understood"

// unwelcome tells of a connection that did not come through the lobby. Scanners fail handshakes all day long, so that is for those who look for it.
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

// handshakeReason is why a handshake failed, as one of a few words.
func handshakeReason(err error) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "not_tls"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "alert: " + alert.Error()
	}
	// What the client said comes as an operation's error: "remote error: tls: bad certificate".
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
