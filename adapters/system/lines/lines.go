// Package lines reads text line by line in bounded memory. The package imports the standard
// library.
package lines

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLength is the maximum length of a line in bytes, with its line break.
const MaxLength = 64 << 10

// Reader reads lines. It skips lines that are longer than MaxLength.
type Reader struct {
	from    *bufio.Reader
	tooLong func()
}

// NewReader returns a reader of from. It calls tooLong for each line that it skips.
func NewReader(from io.Reader, tooLong func()) *Reader {
	return &Reader{from: bufio.NewReaderSize(from, MaxLength), tooLong: tooLong}
}

// Start returns the next n bytes without consuming them, or fewer at the end of the text. n is at
// most MaxLength.
func (r *Reader) Start(n int) ([]byte, error) {
	start, err := r.from.Peek(n)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return start, err
}

// Next returns the next line that is not empty, without its line break, or false at the end. The
// line is valid until the next call. It fails with the errors of the underlying reader.
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

// skip reads to the end of a line that is too long.
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
