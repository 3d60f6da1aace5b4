package keyset

import (
	"context"
	"sync"
	"time"

	"github.com/offload/sessiond/ports"
)

// How long the signer is taken to stay the same, at least and at most. The clock that says so may
// differ from that of the timers, and may step.
const (
	minSignerCheck = 100 * time.Millisecond
	maxSignerCheck = 30 * time.Second
)

// signerWatch reports when no key may sign any more, and when one may again, although no session is
// asked for.
type signerWatch struct {
	source  *Source
	changed chan struct{}

	// missing says that no key signs, and that this was reported. Only the goroutine of run uses
	// it.
	missing bool
	end     context.CancelFunc
	running sync.WaitGroup
}

// reloadEvents has a source look at a keyring once its coming into force is recorded.
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

// start watches until stop. The end of ctx does not stop it.
func (w *signerWatch) start(ctx context.Context) {
	ctx, w.end = context.WithCancel(context.WithoutCancel(ctx))
	w.running.Go(func() { w.run(ctx) })
}

func (w *signerWatch) stop() {
	if w.end != nil {
		w.end()
	}
	w.running.Wait()
}

// check has the watch look at the keyring in force. It returns at once.
func (w *signerWatch) check() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

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

// report reports once that no key may sign, and once that one may again.
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

// untilChange returns how long the signer in force stays the same.
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
