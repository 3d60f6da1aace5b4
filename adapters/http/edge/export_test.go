package edge

import (
	"io"
	"log/slog"
)

// Complaints is where net/http's complaints go.
func Complaints(logger *slog.Logger) io.Writer { return newComplaints(logger) }
