package soak_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness"
	"github.com/offload/sessiond/test/pki"
)

// fault is something that happens at a part of the run.
type fault struct {
	at   float64
	name string
	do   func(t testing.TB, w *world, l *load)
}

// storeAway is how long the storage stays away, as a part of the run.
const storeAway = 0.03

// faults is the schedule.
var faults = []fault{
	{0.04, "SIGTERM, and start again", func(t testing.TB, w *world, _ *load) {
		w.replicas[0].stop(t)
		w.replicas[0].start(t)
	}},
	{0.08, "kill -9, and start again", func(t testing.TB, w *world, l *load) {
		l.rules.set(func() { l.rules.killed = time.Now() })
		w.replicas[1].kill(t)
		w.replicas[1].start(t)
	}},
	{0.12, "rolling restart of all", func(t testing.TB, w *world, _ *load) {
		for _, r := range w.replicas {
			r.stop(t)
			r.start(t)
		}
	}},
	{0.42, "storage killed, and started again with its data",
		func(t testing.TB, w *world, _ *load) {
			outages := w.counts("limiter_outage_started")
			w.stores[0].Kill()
			time.Sleep(part(storeAway))
			w.awaitMore(t, "limiter_outage_started", outages)
			w.stores[0].Restart(t)
			w.awaitShared(t)
		}},
	{0.52, "storage moved, and empty", func(t testing.TB, w *world, l *load) {
		l.moved = time.Now() // read when the load has ended
		w.name.leadTo(w.stores[1].Addr())
		w.stores[0].Kill()
		harness.Poll(t, "the new storage decides", func() bool {
			size := w.stores[1].Do(t, "DBSIZE")
			keys, err := size.AsInt64()
			return err == nil && keys > 0
		})
		w.awaitShared(t) // there may have been no outage
	}},
	{0.60, "key rotated", func(t testing.TB, w *world, l *load) {
		reloads := w.counts("keys_reloaded")
		w.keys(t, "rotate", "--kid", "second", "--sign-after", "5s", "--force")
		w.awaitMore(t, "keys_reloaded", reloads)
		harness.Poll(t, "the new key signs", func() bool { return l.signed("second") })
	}},
	{0.66, "signing key revoked with --replace", func(t testing.TB, w *world, l *load) {
		reloads := w.counts("keys_reloaded")
		l.rules.set(func() { l.rules.revoked, l.rules.began = "second", time.Now() })
		w.keys(t, "revoke", "second", "--replace")
		w.awaitMore(t, "keys_reloaded", reloads)
		l.rules.set(func() { l.rules.everywhere = time.Now() })
	}},
	{0.72, "certificates swapped", func(t testing.TB, w *world, _ *load) {
		reloads, before := w.counts("tls_reloaded"), w.replicas[0].serial(t)
		pki.New(t, "localhost").Write(t, w.folder)
		w.awaitMore(t, "tls_reloaded", reloads)
		for _, r := range w.replicas {
			require.NotEqual(t, before, r.serial(t), "the certificate of a new connection")
		}
	}},
	{0.76, "log reader of a replica gone", func(t testing.TB, w *world, _ *load) {
		w.replicas[2].process().loseReader(t)
		harness.Poll(t, "the replica counts lines that were lost", func() bool {
			return w.replicas[2].metrics()[droppedLines] > 0
		})
	}},
}

// counts returns how many lines of an event each replica's process has logged.
func (w *world) counts(event string) (counts [3]int) {
	for i, r := range w.replicas {
		counts[i] = r.process().count(event)
	}
	return counts
}

// awaitMore waits until each replica has logged an event again.
func (w *world) awaitMore(t testing.TB, event string, before [3]int) {
	t.Helper()
	harness.Poll(t, "each replica logs "+event, func() bool {
		for i, count := range w.counts(event) {
			if count <= before[i] {
				return false
			}
		}
		return true
	})
}

// awaitShared waits until each replica has logged the end of every outage.
func (w *world) awaitShared(t testing.TB) {
	t.Helper()
	harness.Poll(t, "each replica shares its decisions again", func() bool {
		return w.counts("limiter_outage_started") == w.counts("limiter_outage_ended")
	})
}
