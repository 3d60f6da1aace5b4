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

// TestPipeliningClientYieldsBetweenRequests checks that on one processor another goroutine runs
// between nearly any two pipelined requests of a client.
func TestPipeliningClientYieldsBetweenRequests(t *testing.T) {
	const many = 60 // fits into the buffer of a connection
	var turns atomic.Int64
	var at []int64
	srv := listen(t, func(http.ResponseWriter, *http.Request) { at = append(at, turns.Load()) })
	client := dial(t, srv)
	client.send(t, request)
	client.receiveResponse(t)

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
	client.send(t, strings.Repeat(request, many))
	for range many {
		client.receiveResponse(t)
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
