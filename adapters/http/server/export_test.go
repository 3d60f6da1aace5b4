package server

import (
	"io"
	"log/slog"
)

// PartHTTP2 is the Shutdown of the server that HTTP/2 belongs to, alone.
func (s *Server) PartHTTP2() { s.partHTTP2() }

// Complaints is where net/http's complaints go.
func Complaints(logger *slog.Logger) io.Writer { return newComplaints(logger) }
