package server

import (
	"io"
	"log/slog"
)

// GoAwayHTTP2 shuts down only the server that HTTP/2 belongs to.
func (s *Server) GoAwayHTTP2() { s.goAwayHTTP2() }

// NewErrorLog returns the writer that receives the messages of net/http.
func NewErrorLog(logger *slog.Logger) io.Writer { return newErrorLog(logger) }
