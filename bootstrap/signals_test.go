package bootstrap

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// counter is a follower that counts the looks that are requested.
type counter int

func (c *counter) Refresh() { *c++ }

func TestHangupRequestsALookAndDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caught := &signals{stop: make(chan os.Signal), reload: make(chan os.Signal)}
		var keys, certificate counter
		returned := make(chan error)
		go func() {
			returned <- caught.wait(context.Background(), make(Ended),
				followed{Followers: []follower{&keys, &certificate}})
		}()
		for range 3 {
			caught.reload <- syscall.SIGHUP
		}
		synctest.Wait()
		assert.EqualValues(t, 3, keys)
		assert.EqualValues(t, 3, certificate)
		caught.stop <- syscall.SIGTERM
		assert.NoError(t, <-returned)
	})
}

func TestWaitsForAListenerThatEnds(t *testing.T) {
	broken := errors.New("what is wrong")
	ended := make(Ended, 1)
	ended <- broken
	assert.ErrorIs(t, (&signals{}).wait(context.Background(), ended, followed{}), broken)
}
