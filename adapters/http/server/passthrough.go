package server

import (
	"io"
	"net/http"
)

// The response writers of this package pass on io.StringWriter and io.ReaderFrom. Without them
// io.WriteString and io.Copy would copy the whole response for each request, and keep the copy for
// as long as the client does not read.
var (
	_ passthrough = (*recorder)(nil)
	_ passthrough = (*closingWriter)(nil)
)

type passthrough interface {
	http.ResponseWriter
	io.StringWriter
	io.ReaderFrom
	Unwrap() http.ResponseWriter
}

// WriteString implements io.StringWriter.
func (cw *closingWriter) WriteString(text string) (int, error) {
	cw.begin()
	return io.WriteString(cw.ResponseWriter, text)
}

// ReadFrom implements io.ReaderFrom.
func (cw *closingWriter) ReadFrom(source io.Reader) (int64, error) {
	cw.begin()
	return io.Copy(cw.ResponseWriter, source)
}

// WriteString implements io.StringWriter.
func (rec *recorder) WriteString(text string) (int, error) {
	rec.begin()
	if rec.holds {
		rec.hold([]byte(text))
		return len(text), nil
	}
	n, err := io.WriteString(rec.ResponseWriter, text)
	rec.count(int64(n))
	return n, err
}

// ReadFrom implements io.ReaderFrom.
func (rec *recorder) ReadFrom(source io.Reader) (int64, error) {
	rec.begin()
	if rec.holds {
		return io.Copy(holder{rec}, source)
	}
	n, err := io.Copy(rec.ResponseWriter, source)
	rec.count(n)
	return n, err
}

// holder adds to the body that a recorder holds back. It hides the recorder's ReadFrom.
type holder struct{ to *recorder }

// Write implements io.Writer.
func (h holder) Write(data []byte) (int, error) { return h.to.Write(data) }
