package server

import (
	"errors"
	"os"
	"sync"
	"time"
)

// deadline is the deadline of a connection's reads, or of its writes. Setting a socket's deadline
// locks and moves a timer of the runtime. net/http sets seven deadlines for each request, and
// nearly always replaces one before anything waits for it. So the socket's deadline is set only
// when an operation begins or waits, and only if the one in force is later. If the one in force
// passes too early, the operation is repeated with the wanted one: deadlines stay exact.
//
// At most one operation may be in progress at a time, apart from those that a deadline in the past
// ends: of two that wait, only one would be repeated.
type deadline struct {
	mu sync.Mutex
	// wanted is the deadline that was set, and inForce the socket's. The zero Time is none.
	wanted, inForce time.Time
	// waiting is the number of operations in progress.
	waiting int
}

// setter is the SetReadDeadline or SetWriteDeadline method of a socket.
type setter func(time.Time) error

// change sets the deadline to t, also for an operation in progress.
func (d *deadline) change(t time.Time, set setter) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.waiting == 0 {
		return nil
	}
	return d.enforce(set)
}

// enforce sets the socket's deadline if the one in force is later than the wanted one. The caller
// must hold mu.
func (d *deadline) enforce(set setter) error {
	if d.wanted.IsZero() || !d.inForce.IsZero() && !d.wanted.Before(d.inForce) {
		return nil
	}
	d.inForce = d.wanted
	return set(d.wanted)
}

// await calls operate, which reads or writes, and repeats it while it fails only because the
// deadline in force passed before the wanted one.
func (d *deadline) await(set setter, operate func() error) error {
	if err := d.begin(set); err != nil {
		return err
	}
	err := operate()
	for errors.Is(err, os.ErrDeadlineExceeded) && d.extend(set) {
		err = operate()
	}
	d.mu.Lock()
	d.waiting--
	d.mu.Unlock()
	return err
}

// begin begins an operation. It fails if the deadline is in the past for good: net/http and this
// package set such a deadline from another goroutine to end an operation.
func (d *deadline) begin(set setter) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted.IsZero() && !d.wanted.After(past) {
		return os.ErrDeadlineExceeded
	}
	if err := d.enforce(set); err != nil {
		return err
	}
	d.waiting++
	return nil
}

// extend sets the socket's deadline to the wanted one if the one that has passed was earlier. It
// reports whether the operation can be repeated.
func (d *deadline) extend(set setter) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wanted.Equal(d.inForce) || !d.wanted.IsZero() && !time.Now().Before(d.wanted) {
		return false
	}
	d.inForce = d.wanted
	return set(d.wanted) == nil
}

// past is a deadline that has passed, the one that net/http uses too.
var past = time.Unix(1, 0)

// receiveInto reads from the socket.
func (sl *slot) receiveInto(p []byte) (n int, err error) {
	err = sl.reads.await(sl.Conn.SetReadDeadline, func() (err error) {
		n, err = sl.Conn.Read(p)
		return err
	})
	return n, err
}

// Write implements net.Conn.
func (sl *slot) Write(p []byte) (n int, err error) {
	err = sl.writes.await(sl.Conn.SetWriteDeadline, func() error {
		written, err := sl.Conn.Write(p[n:])
		n += written
		return err
	})
	return n, err
}

// SetReadDeadline implements net.Conn.
func (sl *slot) SetReadDeadline(t time.Time) error {
	return sl.reads.change(t, sl.Conn.SetReadDeadline)
}

// SetWriteDeadline implements net.Conn.
func (sl *slot) SetWriteDeadline(t time.Time) error {
	return sl.writes.change(t, sl.Conn.SetWriteDeadline)
}

// SetDeadline implements net.Conn.
func (sl *slot) SetDeadline(t time.Time) error {
	return errors.Join(sl.SetReadDeadline(t), sl.SetWriteDeadline(t))
}
