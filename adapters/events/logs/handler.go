package logs

import (
	"io"
	"log/slog"

	"github.com/offload/sessiond/ports"
)

// NewHandler returns a handler that writes lines of level or above to output in format. The message
// of a line is always the fixed name of an event, so its key is "event".
func NewHandler(output io.Writer, level ports.LogLevel, format ports.LogFormat) slog.Handler {
	options := &slog.HandlerOptions{
		Level: severity(level),
		ReplaceAttr: func(groups []string, attribute slog.Attr) slog.Attr {
			if len(groups) == 0 && attribute.Key == slog.MessageKey {
				attribute.Key = "event"
			}
			return attribute
		},
	}
	if format == ports.LogText {
		return slog.NewTextHandler(output, options)
	}
	return slog.NewJSONHandler(output, options)
}

// severity returns the slog.Level of level.
func severity(level ports.LogLevel) slog.Level {
	switch level {
	case ports.LogDebug:
		return slog.LevelDebug
	case ports.LogInfo:
		return slog.LevelInfo
	case ports.LogWarn:
		return slog.LevelWarn
	case ports.LogError:
		return slog.LevelError
	}
	return slog.LevelInfo
}
