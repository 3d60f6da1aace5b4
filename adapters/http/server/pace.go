package server

import (
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A client of HTTP/2 can keep a processor busy without a request: with SETTINGS and PING frames,
// which are acknowledged, with CONTINUATION frames, with requests beyond the number of streams, or
// with frames that mean nothing. So a connection has an allowance of units, which its frames use up
// and its requests restore when they have been answered. A connection without allowance is not
// refused but read slowly; what the client sends further waits at the client.
//
// An ordinary request takes less than it restores, and as many requests as the connection has
// streams find an allowance before the first of them is answered.
const (
	// frameUnits is what a frame takes, with one more for each unitBytes of its payload.
	frameUnits = 1
	unitBytes  = 4 << 10
	// headersUnits is what a frame that begins a request takes in addition.
	headersUnits = 7
	// answeredUnits is what an answered request restores.
	answeredUnits = 48
	// spareUnits is added to the cost of one request for each stream. The sum is the full
	// allowance, with which a connection begins.
	spareUnits = 64
	// unitsPerSecond is how much is restored without requests. When nothing is left, the connection
	// waits for awaitedUnits.
	unitsPerSecond = 32
	awaitedUnits   = 8
	// longestPace is how long a connection may wait for allowance in all since its allowance was
	// full, not counting waits with a request in progress, which has a deadline of its own. Then
	// the connection is closed.
	longestPace = 5 * time.Second
)

// errPace reports that a connection has waited for allowance for longestPace in all.
var errPace = errors.New("too many frames without an answered request")

// framesAtOnce is how many frames are processed at once for each processor. While one is, net/http
// has several goroutines run: the reader, the connection, the request, the writer. If all
// connections did so at once, others would wait behind all of these goroutines.
const framesAtOnce = 1

// turns bounds how many connections have a frame processed. It is full while no further one may.
type turns chan struct{}

func newTurns() turns { return make(turns, framesAtOnce*runtime.GOMAXPROCS(0)) }

// frameHeaders is the type of a frame that begins a request.
const frameHeaders = 1

// frameHeader is the size of a frame's header (RFC 9113 §4.1).
const frameHeader = 9

// paced is an HTTP/2 connection after the client's preface that is read at a bounded pace.
type paced struct {
	net.Conn
	endless bool // a trusted proxy's connection neither waits nor takes turns
	turns   turns
	window  *sendWindow
	hasTurn atomic.Bool
	closed  chan struct{}
	close   func() error

	// Only Read uses these; net/http reads from one goroutine at a time.
	header  [frameHeader]byte
	read    int // bytes of header
	payload int // bytes of the frame that are still to be read

	mu              sync.Mutex
	allowance, most int
	filled          time.Time // when time last added to the allowance
	waited          time.Duration
	inProgress      int // requests
}

// newPaced wraps conn, which may have the given number of streams, with a full allowance. All
// connections of a server share turns.
func newPaced(conn net.Conn, turns turns, streams int) *paced {
	most := spareUnits + streams*(frameUnits+headersUnits)
	p := &paced{Conn: conn, turns: turns, endless: streams == proxyStreams,
		window: newSendWindow(), closed: make(chan struct{}), allowance: most, most: most,
		filled: time.Now()}
	p.close = sync.OnceValue(func() error {
		close(p.closed)
		p.endTurn()
		return conn.Close()
	})
	return p
}

// Read implements net.Conn. If the allowance is used up, it waits for less than a second. When it
// has read the end of a frame, it waits for the connection's turn, which lasts until net/http has
// processed the frame and reads again.
func (p *paced) Read(buffer []byte) (int, error) {
	p.endTurn()
	if err := p.await(); err != nil {
		return 0, err
	}
	n, err := p.Conn.Read(buffer)
	if p.follow(buffer[:n]) && !p.endless {
		p.takeTurn()
	}
	return n, err
}

// takeTurn waits for the connection's turn.
func (p *paced) takeTurn() {
	select {
	case p.turns <- struct{}{}:
		p.hasTurn.Store(true)
	case <-p.closed:
		return
	}
	select {
	case <-p.closed: // perhaps before hasTurn was set
		p.endTurn()
	default:
	}
}

// endTurn ends the connection's turn, if it has one.
func (p *paced) endTurn() {
	if p.hasTurn.CompareAndSwap(true, false) {
		<-p.turns
	}
}

// Close implements net.Conn. It ends a wait of Read.
func (p *paced) Close() error { return p.close() }

// received returns the connection that net/http received from the listener.
func (p *paced) received() net.Conn { return p.Conn }

// follow follows the frames in what was read, and takes what they cost from the allowance. It
// reports whether a frame has ended.
func (p *paced) follow(read []byte) (ended bool) {
	cost := 0
	for len(read) > 0 {
		if p.payload > 0 {
			part := min(p.payload, len(read))
			p.window.follow(read[:part])
			p.payload -= part
			read = read[part:]
		} else {
			part := copy(p.header[p.read:], read)
			p.read += part
			read = read[part:]
			if p.read < frameHeader {
				break
			}
			p.read = 0
			p.payload = int(binary.BigEndian.Uint32(p.header[:]) >> 8)
			p.window.begin(p.header)
			cost += p.cost()
		}
		ended = ended || p.payload == 0
	}
	p.mu.Lock()
	p.allowance -= cost
	p.mu.Unlock()
	return ended
}

// cost returns what the frame that has begun costs.
func (p *paced) cost() int {
	cost := frameUnits + min(p.payload, maxFrame)/unitBytes // net/http reads no larger one
	if p.header[3] == frameHeaders {
		cost += headersUnits
	}
	return cost
}

// await waits until the connection has an allowance. It fails if the connection is closed, or has
// waited for too long in all.
func (p *paced) await() error {
	wait, err := p.missing()
	if wait == 0 || err != nil {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.closed:
		return net.ErrClosed
	}
}

// missing returns how long the connection has to wait, and adds that to waited. It fails with
// errPace if the connection has waited for longestPace already.
func (p *paced) missing() (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.endless || p.allowance > 0 {
		return 0, nil
	}
	const each = time.Second / unitsPerSecond
	now := time.Now()
	added := now.Sub(p.filled) / each
	p.filled = p.filled.Add(added * each)
	p.restore(int(added))
	if p.allowance > 0 {
		return 0, nil
	}
	if p.waited >= longestPace {
		return 0, errPace
	}
	wait := time.Duration(awaitedUnits-p.allowance) * each
	if p.inProgress == 0 {
		p.waited += wait
	}
	return wait, nil
}

// begin records that a request is in progress, until end.
func (p *paced) begin() {
	p.mu.Lock()
	p.inProgress++
	p.mu.Unlock()
}

// end records that a request has ended. It restores the allowance if the request was answered.
func (p *paced) end(answered bool) {
	p.mu.Lock()
	p.inProgress--
	if answered {
		p.restore(answeredUnits)
	}
	p.mu.Unlock()
}

// restore adds units to the allowance, as far as it is not full. The caller must hold mu.
func (p *paced) restore(units int) {
	p.allowance = min(p.allowance+units, p.most)
	if p.allowance == p.most {
		p.waited = 0
	}
}
