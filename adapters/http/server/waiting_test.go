package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/adapters/system/clock"
	"github.com/offload/sessiond/ports"
)

// TestTheLongestWaitIsReset checks that beyond the bound the request that has waited longest is
// reset, whatever it waits for, and that one whose wait is over is not.
func TestTheLongestWaitIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shed []ports.Budget
		waiting := server.NewWaiting(3, clock.New(),
			func(budget ports.Budget) { shed = append(shed, budget) })
		var resets []string
		begin := func(name string, await func(func()) func() bool) (end func() bool) {
			time.Sleep(time.Millisecond)
			return await(func() { resets = append(resets, name) })
		}
		first := begin("first", waiting.AwaitResponse)
		second := begin("second", waiting.AwaitBody)
		third := begin("third", waiting.AwaitResponse)
		assert.Empty(t, resets)
		assert.False(t, first(), "its wait was over before there were too many")
		fourth := begin("fourth", waiting.AwaitBody)
		assert.Empty(t, resets)
		fifth := begin("fifth", waiting.AwaitBody)
		sixth := begin("sixth", waiting.AwaitResponse)
		assert.Equal(t, []string{"second", "third"}, resets)
		assert.Equal(t, []ports.Budget{ports.BudgetWaiting, ports.BudgetWaiting}, shed)
		assert.Equal(t, 3, waiting.Len())
		assert.True(t, second())
		assert.True(t, third())
		for _, end := range []func() bool{fourth, fifth, sixth} {
			assert.False(t, end())
		}
		assert.Zero(t, waiting.Len())
	})
}

// TestUnreadResponseIsResetAfterTenSeconds checks that each response has ten seconds of its own,
// and that bodies, which have a deadline elsewhere, are left alone.
func TestUnreadResponseIsResetAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var shed []ports.Budget
		waiting := server.NewWaiting(100, clock.New(),
			func(budget ports.Budget) { shed = append(shed, budget) })
		var resets []time.Duration
		reset := func() { resets = append(resets, time.Since(start)) }
		endBody := waiting.AwaitBody(func() { t.Error("a body was reset") })
		waiting.AwaitResponse(reset)
		time.Sleep(3 * time.Second)
		endRead := waiting.AwaitResponse(func() { t.Error("a response that was read was reset") })
		time.Sleep(time.Second)
		waiting.AwaitResponse(reset)
		time.Sleep(5 * time.Second)
		assert.False(t, endRead())
		time.Sleep(time.Minute)
		waiting.AwaitResponse(reset)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []time.Duration{10 * time.Second, 14 * time.Second, 79 * time.Second},
			resets)
		assert.Equal(t, []ports.Budget{ports.BudgetUnread, ports.BudgetUnread, ports.BudgetUnread},
			shed)
		assert.False(t, endBody())
		assert.Zero(t, waiting.Len())
	})
}
