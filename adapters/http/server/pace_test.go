package server_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/http/server"
)

// frame returns an HTTP/2 frame with a payload of zeros.
func frame(kind byte, size int) string {
	return string([]byte{byte(size >> 16), byte(size >> 8), byte(size), kind, 0, 0, 0, 0, 1}) +
		strings.Repeat("\x00", size)
}

// Types of frames (RFC 9113 §6), and one that has no meaning.
const (
	kindData, kindHeaders, kindSettings, kindPing, kindContinuation, kindUnknown = 0, 1, 4, 6, 9, 99
)

// pipe returns a paced connection, to whose other end sends are written again and again until it
// is closed.
func pipe(t *testing.T, turns chan struct{}, streams int, sent string) *server.Paced {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		for {
			if _, err := io.WriteString(far, sent); err != nil {
				return
			}
		}
	}()
	p := server.NewPaced(near, turns, streams)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// readFrame reads one frame as net/http does.
func readFrame(p *server.Paced) error {
	header := make([]byte, 9)
	if _, err := io.ReadFull(p, header); err != nil {
		return err
	}
	_, err := io.ReadFull(p, make([]byte, int(header[0])<<16|int(header[1])<<8|int(header[2])))
	return err
}

// within returns how many frames are read from p until the time has passed.
func within(p *server.Paced, limit time.Duration) (frames int) {
	for began := time.Now(); readFrame(p) == nil && time.Since(began) < limit; frames++ {
	}
	return frames
}

// TestFramesWithoutRequestsAreReadSlowly checks how many frames are read at once, and until the
// connection is closed, a few seconds after that.
func TestFramesWithoutRequestsAreReadSlowly(t *testing.T) {
	for name, c := range map[string]struct {
		frame        string
		streams      int
		first, later int
	}{
		"settings":                       {frame(kindSettings, 6), 3, 88, 160},
		"pings":                          {frame(kindPing, 8), 12, 160, 160},
		"empty continuations":            {frame(kindContinuation, 0), 64, 576, 160},
		"continuations":                  {frame(kindContinuation, 1000), 64, 576, 160},
		"empty data":                     {frame(kindData, 0), 3, 88, 160},
		"large unknown frames":           {frame(kindUnknown, 16<<10), 3, 18, 32},
		"frames beyond the maximum size": {frame(kindUnknown, 1<<20), 3, 18, 32},
		"requests not answered":          {frame(kindHeaders, 40), 12, 20, 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pipe(t, server.NewTurns(), c.streams, c.frame)
				assert.InDelta(t, c.first, within(p, time.Millisecond), 1)
				began := time.Now()
				assert.InEpsilon(t, c.later, within(p, time.Hour), 0.1)
				assert.InDelta(t, 5*time.Second, time.Since(began), float64(time.Second))
			})
		})
	}
}

// TestRestsBetweenFloods checks that a connection is not closed that sends too much now and then.
func TestRestsBetweenFloods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipe(t, server.NewTurns(), 3, frame(kindPing, 8))
		for range 100 {
			for range 150 { // which takes two seconds
				require.NoError(t, readFrame(p))
			}
			time.Sleep(4 * time.Second)
		}
	})
}

// TestWaitForAllowanceIsShort checks that a connection that sends without end is still read each
// second.
func TestWaitForAllowanceIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipe(t, server.NewTurns(), 3, frame(kindUnknown, 16<<10))
		for range 40 {
			began := time.Now()
			require.NoError(t, readFrame(p))
			assert.Less(t, time.Since(began), time.Second)
		}
	})
}

// TestAnsweredRequestsAreNotDelayed checks that the largest requests are read without a wait, one
// after the other, and as many at once as there are streams.
func TestAnsweredRequestsAreNotDelayed(t *testing.T) {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	for name, c := range map[string]struct {
		streams, atOnce, frames int
		sent                    string
	}{
		"headers and a body of 16 KiB": {3, 1, 4, frame(kindHeaders, 16<<10) +
			frame(kindContinuation, 1000) + frame(kindData, 16<<10) + frame(kindData, 0)},
		"a body in small parts": {3, 1, 33, frame(kindHeaders, 100) +
			strings.Repeat(frame(kindData, 512), 32)},
		"all streams at once": {64, 64, 1, frame(kindHeaders, 100)},
		"one ping for each":   {3, 1, 2, frame(kindHeaders, 100) + frame(kindPing, 8)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pipe(t, server.NewTurns(), c.streams, c.sent)
				began := time.Now()
				for range 1000 {
					for range c.atOnce * c.frames {
						require.NoError(t, readFrame(p))
					}
					for range c.atOnce {
						p.Answering(handler).ServeHTTP(httptest.NewRecorder(), request)
					}
				}
				assert.Zero(t, time.Since(began))
			})
		})
	}
}

// TestOnlyAnsweredRequestsRestoreTheAllowance checks that a request that its client has reset, or
// that the server resets, restores nothing.
func TestOnlyAnsweredRequestsRestoreTheAllowance(t *testing.T) {
	p := pipe(t, server.NewTurns(), 3, frame(kindPing, 8))
	for range 80 {
		require.NoError(t, readFrame(p))
	}
	left := p.Allowance()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.Answering(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), request.WithContext(ctx))
	assert.Equal(t, left, p.Allowance())
	reset := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	assert.Panics(t, func() { p.Answering(reset).ServeHTTP(httptest.NewRecorder(), request) })
	assert.Equal(t, left, p.Allowance())
	for range 3 {
		p.Answering(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), request)
	}
	assert.Equal(t, 88, p.Allowance(), "no more than at first")
}

// TestConnectionsWithRequestsInProgressStayOpen checks that a request that takes its time is not
// broken off because the connection waits for its allowance.
func TestConnectionsWithRequestsInProgressStayOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipe(t, server.NewTurns(), 3, frame(kindPing, 8))
		finish, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-finish })
			p.Answering(handler).ServeHTTP(httptest.NewRecorder(),
				httptest.NewRequest(http.MethodGet, "/", nil))
		}()
		synctest.Wait()
		assert.Greater(t, within(p, time.Minute), 1800)
		close(finish)
		<-ended
		began := time.Now()
		within(p, time.Hour)
		assert.Less(t, time.Since(began), 10*time.Second)
	})
}

func TestTrustedProxiesAreNotPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := server.NewTurns()
		p := pipe(t, turns, server.OfProxy, frame(kindSettings, 6))
		began := time.Now()
		for range 100_000 {
			require.NoError(t, readFrame(p))
		}
		assert.Zero(t, time.Since(began))
		assert.Empty(t, turns)
	})
}

func TestCloseEndsWaitForAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipe(t, server.NewTurns(), 3, frame(kindPing, 8))
		failed := make(chan error, 1)
		go func() {
			for {
				if err := readFrame(p); err != nil {
					failed <- err
					return
				}
			}
		}()
		synctest.Wait() // for the allowance to be used up
		began := time.Now()
		require.NoError(t, p.Close())
		require.ErrorIs(t, <-failed, net.ErrClosed)
		assert.Zero(t, time.Since(began))
		require.NoError(t, p.Close(), "may be called again")
	})
}

// TestFewConnectionsHaveFramesProcessed checks that a frame waits for its turn, which another
// connection ends by reading again or by being closed.
func TestFewConnectionsHaveFramesProcessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := server.NewTurns()
		busy := make([]*server.Paced, cap(turns))
		for i := range busy {
			busy[i] = pipe(t, turns, 3, frame(kindPing, 8))
			require.NoError(t, readFrame(busy[i]))
		}
		read := make(chan int, 3)
		for i := range 3 {
			waiting := pipe(t, turns, 3, frame(kindHeaders, 40))
			go func() {
				if readFrame(waiting) == nil {
					read <- i
				}
			}()
			synctest.Wait()
		}
		assert.Empty(t, read)
		_, err := busy[0].Read(make([]byte, 1))
		require.NoError(t, err)
		synctest.Wait()
		require.Len(t, read, 1)
		assert.Equal(t, 0, <-read, "the first comes first")
		require.NoError(t, busy[1].Close())
		synctest.Wait()
		require.Len(t, read, 1)
		assert.Equal(t, 1, <-read)
		for _, one := range busy {
			require.NoError(t, one.Close())
		}
	})
}

// TestClosedConnectionsHaveNoTurn checks that no turn is lost, whenever a connection is closed.
func TestClosedConnectionsHaveNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := server.NewTurns()
		for range 1000 {
			p := pipe(t, turns, 3, frame(kindPing, 8))
			go func() { _ = readFrame(p) }()
			go func() { _ = p.Close() }()
		}
		synctest.Wait()
		assert.Empty(t, turns)
	})
}

// closing is a connection that is closed while it is read.
type closing struct {
	net.Conn
	p *server.Paced
}

// Read implements net.Conn.
func (c *closing) Read(buffer []byte) (int, error) {
	_ = c.p.Close()
	return copy(buffer, frame(kindPing, 0)), nil
}

// Close implements net.Conn.
func (c *closing) Close() error { return nil }

// TestClosedConnectionsTakeNoTurn checks that none is taken for good by a connection that is closed
// just before its turn.
func TestClosedConnectionsTakeNoTurn(t *testing.T) {
	turns := server.NewTurns()
	for range 100 {
		conn := &closing{}
		conn.p = server.NewPaced(conn, turns, 3)
		_, err := conn.p.Read(make([]byte, 9))
		require.NoError(t, err)
		assert.Empty(t, turns)
	}
}

// TestPingsAreAnsweredSlowly checks that frames beyond the allowance are processed late, and none
// is lost.
func TestPingsAreAnsweredSlowly(t *testing.T) {
	onBothTransports(t, usualLimits, http.NotFoundHandler(), func(t *testing.T, v http2Server) {
		v.srv.CountHTTP2(512) // so that the connection has two streams, and a small allowance
		client := v.connect(t)
		began := time.Now()
		const pings = 120
		client.send(t, http2Preface+strings.Repeat(ping, pings))
		for answered := 0; answered < pings; {
			header := make([]byte, 9)
			_, err := io.ReadFull(client.Reader, header)
			require.NoError(t, err)
			_, err = client.Discard(int(header[1])<<8 | int(header[2]))
			require.NoError(t, err)
			if header[3] == kindPing {
				answered++
			}
		}
		assert.Greater(t, time.Since(began), time.Second/2)
	})
}

// TestManyRequestsOnOneConnection checks that a connection lasts for any number of requests.
// Without what answered requests restore it would take a minute and a half.
func TestManyRequestsOnOneConnection(t *testing.T) {
	onBothTransports(t, usualLimits, http.NotFoundHandler(), func(t *testing.T, v http2Server) {
		v.srv.CountHTTP2(512)
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		for range 350 {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base, nil)
			require.NoError(t, err)
			response, err := v.client.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
	})
}
