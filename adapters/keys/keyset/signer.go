package keyset

import (
	"context"
	"sync"
	"time"

	"github.com/offload/sessiond/ports"
)

// The shortest and the longest time between two checks for a signer. There is a longest one because
// the clock that plans refer to may step, and may differ from that of timers.
const (
	minSignerCheck = 100 * time.Millisecond
	maxSignerCheck = 30 * time.Second
)

// signerWatch reports when no key may sign any more, and when one may again. It does so in time,
// even if no session is requested.
type signerWatch struct {
	source  *Source
	changed chan struct{} // the keyring in force has changed

	// missing is true while no key signs and that has been reported. Only the goroutine of run uses
	// it.
	missing bool
	end     context.CancelFunc
	running sync.WaitGroup
}

// reloadEvents records events, and makes a source check its keyring after a ports.Reloaded has been
// recorded.
type reloadEvents struct {
	ports.Events
	source *Source
}

// Record implements ports.Events.
func (e reloadEvents) Record(ctx context.Context, event ports.Event) {
	e.Events.Record(ctx, event)
	if _, reloaded := event.(ports.Reloaded); reloaded {
		e.source.reportEarlyEnds(ctx)
		e.source.signer.check()
	}
}

// start begins to watch, until stop. The end of ctx does not stop it.
func (w *signerWatch) start(ctx context.Context) {
	ctx, w.end = context.WithCancel(context.WithoutCancel(ctx))
	w.running.Go(func() { w.run(ctx) })
}

// stop ends the watch, if it was started, and waits for its goroutine.
func (w *signerWatch) stop() {
	if w.end != nil {
		w.end()
	}
	w.running.Wait()
}

// check makes the watch check the keyring in force. It does not wait for the check.
func (w *signerWatch) check() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// run checks the signer until ctx ends.
func (w *signerWatch) run(ctx context.Context) {
	for {
		w.report(ctx)
		next := time.NewTimer(w.untilChange())
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		case <-w.changed:
			next.Stop()
		}
	}
}

// report reports that no key may sign, or that one may again, if that has changed since the last
// call.
func (w *signerWatch) report(ctx context.Context) {
	keyring, now := w.source.Keyring(), w.source.clock.Now()
	_, signs := keyring.SignerAt(now)
	switch {
	case !signs && !w.missing:
		until, _ := keyring.NextSignerFrom(now)
		w.source.events.Record(ctx, ports.SignerMissing{Until: until})
	case signs && w.missing:
		w.source.events.Record(ctx, ports.SignerFound{})
	}
	w.missing = !signs
}

// untilChange returns how long to wait for the next check: until the plans change the signer,
// within minSignerCheck and maxSignerCheck.
func (w *signerWatch) untilChange() time.Duration {
	keyring, now, until := w.source.Keyring(), w.source.clock.Now(), maxSignerCheck
	if from, waits := keyring.NextSignerFrom(now); waits {
		until = min(until, from.Sub(now))
	}
	if signer, signs := keyring.SignerAt(now); signs && !signer.Plan().VerifyUntil.IsZero() {
		until = min(until, signer.Plan().VerifyUntil.Sub(now))
	}
	return max(until, minSignerCheck)
}
