package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

// sized is how many connections of a kind are opened to measure one. It is below what the service
// accepts of every kind.
const sized = 1000

// measureSizes measures the memory of one connection of each kind and formats it in Markdown.
func measureSizes(ctx context.Context, binary string, w *world) (string, error) {
	var text strings.Builder
	text.WriteString("| Idle connection | Resident memory of the service, KiB |\n| --- | --- |\n")
	for _, kind := range []struct {
		title string
		shape shape
	}{
		{"HTTP/1", shape{attack: order{Kind: "idle"}}},
		{"HTTP/1 over TLS", shape{tls: true, attack: order{Kind: "idle"}}},
		{"HTTP/2", shape{attack: order{Kind: "idle-http2", HTTP2: true}}},
		{"HTTP/2 over TLS", shape{tls: true, attack: order{Kind: "idle-http2", HTTP2: true}}},
	} {
		kind.shape.attack.Connections = sized
		bytes, err := measureSize(ctx, binary, w, kind.shape)
		if err != nil {
			return "", fmt.Errorf("%s: %w", kind.title, err)
		}
		fmt.Fprintf(&text, "| %s | %.0f |\n", kind.title, bytes/1024)
	}
	return text.String(), nil
}

// measureSize returns how many bytes of resident memory one connection takes.
func measureSize(ctx context.Context, binary string, w *world, s shape) (float64, error) {
	env, err := w.environment(s)
	if err != nil {
		return 0, err
	}
	svc, err := start(binary, env, 0)
	if err != nil {
		return 0, err
	}
	defer svc.stop()
	others, err := newOthers(ctx, svc, false)
	if err != nil {
		return 0, err
	}
	err = pause(ctx, warmFor)
	others.leave()
	if err != nil {
		return 0, err
	}
	before := svc.memory()
	files := svc.files()
	holders, err := beginAttack(s.attack.on(svc))
	if err != nil {
		return 0, err
	}
	defer holders.leave()
	select {
	case <-holders.ready:
	case <-time.After(arriveWithin):
		return 0, errors.New("the clients did not all come in time")
	}
	if err := pause(ctx, time.Second); err != nil {
		return 0, err
	}
	after := svc.memory()
	held := svc.files() - files
	if held < sized*9/10 {
		return 0, fmt.Errorf("the service holds %d connections of %d", held, sized)
	}
	return float64(after-before) / float64(held), nil
}

// idleHTTP2 sends one request on every HTTP/2 connection, and nothing more.
func idleHTTP2(c *crew) {
	b := newBatch(c.Address)
	b.open(1, "GET", "/v1/health", true)
	text := b.take()
	c.hold(false, func(conn conn, _ int, settled func()) {
		if _, err := conn.Write(text); err != nil {
			return
		}
		c.sent.Add(1)
		framer := http2.NewFramer(conn, conn)
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if frame.Header().StreamID == 1 && frame.Header().Flags.Has(http2.FlagDataEndStream) {
				break
			}
		}
		c.answered.Add(1)
		settled()
		_, _ = io.Copy(io.Discard, conn)
	})
}
