// Package lines reads text line by line in bounded memory. The package imports the standard
// library.
package lines

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLength is the maximum length of a line in bytes.
const MaxLength = 64 << 10

// Reader reads lines. Lines that are too long are passed over.
type Reader struct {
	from    *bufio.Reader
	tooLong func()
}

// NewReader returns a reader of from. It calls tooLong for each line that it passes over.
func NewReader(from io.Reader, tooLong func()) *Reader {
	return &Reader{from: bufio.NewReaderSize(from, MaxLength), tooLong: tooLong}
}

// Start returns the next bytes, at most n, without reading them.
func (r *Reader) Start(n int) ([]byte, error) {
	start, err := r.from.Peek(n)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return start, err
}

// Next returns the next line that is not empty, without its line break. It returns false at the
// end. The line is valid until the next call.
func (r *Reader) Next() (line []byte, more bool, err error) {
	for {
		line, err := r.from.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if err := r.skip(); err != nil {
				return nil, false, err
			}
			continue
		}
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return nil, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) > 0 {
			return line, true, nil
		}
		if ended {
			return nil, false, nil
		}
	}
}

// skip passes over the rest of a line that is too long.
func (r *Reader) skip() error {
	r.tooLong()
	for {
		_, err := r.from.ReadSlice('\n')
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
