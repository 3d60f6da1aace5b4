package server

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
)

// GoAwayHTTP2 shuts down only the server that HTTP/2 belongs to.
func (s *Server) GoAwayHTTP2() { s.goAwayHTTP2() }

// CountHTTP2 makes the server count as if n connections spoke HTTP/2.
func (s *Server) CountHTTP2(n int) {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	s.slots.http2 = n
}

// NewErrorLog returns the writer that receives the messages of net/http.
func NewErrorLog(logger *slog.Logger) io.Writer { return newErrorLog(logger) }

// ReadProxyHeader reads a PROXY header from a connection on which each read returns one of parts.
// It returns what follows the header.
func ReadProxyHeader(parts []string) (rest string, err error) {
	conn, err := readProxyHeader(&inParts{parts: parts})
	if err != nil {
		return "", err
	}
	follows, err := io.ReadAll(conn)
	return string(follows), err
}

// inParts is a connection on which each read returns one of parts.
type inParts struct {
	net.Conn
	parts []string
}

// Read implements net.Conn.
func (p *inParts) Read(buffer []byte) (int, error) {
	if len(p.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(buffer, p.parts[0])
	p.parts[0] = p.parts[0][n:]
	if p.parts[0] == "" {
		p.parts = p.parts[1:]
	}
	return n, nil
}

// ClosingWriter returns the writer that the server gives to its handler.
func ClosingWriter(w http.ResponseWriter) http.ResponseWriter {
	return &closingWriter{ResponseWriter: w, closing: &atomic.Bool{}}
}
