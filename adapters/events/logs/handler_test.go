package logs_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/events/logs"
	"github.com/offload/sessiond/ports"
)

func TestHandlerWritesItsLevelAndAbove(t *testing.T) {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	for i, level := range ports.LogLevels() {
		var out bytes.Buffer
		logger := slog.New(logs.NewHandler(&out, level, ports.LogText))
		for _, one := range levels {
			logger.Log(context.Background(), one, "an_event")
		}
		assert.Equal(t, len(levels)-i, strings.Count(out.String(), "event=an_event\n"), level)
	}
}

func TestHandlerFormats(t *testing.T) {
	for format, want := range map[ports.LogFormat]string{
		ports.LogJSON: `"level":"INFO","event":"an_event","group":{"msg":"kept"}}`,
		ports.LogText: `level=INFO event=an_event group.msg=kept`,
	} {
		var out bytes.Buffer
		slog.New(logs.NewHandler(&out, ports.LogInfo, format)).Info("an_event",
			slog.Group("group", slog.String("msg", "kept")))
		assert.Contains(t, out.String(), want, format)
	}
}
