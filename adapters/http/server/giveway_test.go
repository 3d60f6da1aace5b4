package server_test

import (
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestYieldsBetweenPipelinedRequests shows that on one processor, another goroutine runs between
// nearly any two requests of a client that sends many at once.
func TestYieldsBetweenPipelinedRequests(t *testing.T) {
	const many = 60 // which fit into the buffer of a connection
	var turns atomic.Int64
	var at []int64
	srv := listen(t, func(http.ResponseWriter, *http.Request) { at = append(at, turns.Load()) })
	client := dial(t, srv)
	client.say(t, whole)
	client.hear(t)

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over:
				return
			default:
				turns.Add(1)
				runtime.Gosched()
			}
		}
	}()
	client.say(t, strings.Repeat(whole, many))
	for range many {
		client.hear(t)
	}
	close(over)
	require.Len(t, at, many+1)
	waited := 0
	for n := 2; n <= many; n++ {
		if at[n] > at[n-1] {
			waited++
		}
	}
	assert.Greater(t, waited, many*9/10)
}
