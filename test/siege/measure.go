package main

import (
	"context"
	"time"
)

const (
	// warmFor excludes what is slow only at first.
	warmFor = time.Second
	// arriveWithin is how long the attackers may take to come; a tenth of it is usual.
	arriveWithin = 60 * time.Second
	// busy is the latency that counts as calm on any machine.
	busy = 25 * time.Millisecond
	// spareFiles is how many more files than before may be open after a recovery: connections of
	// the others.
	spareFiles = 96
)

// measure starts a service for the shape, and measures it in calm, under attack and afterwards.
func measure(ctx context.Context, o options, w *world, s shape) (f figures, err error) {
	env, err := w.environment(s)
	if err != nil {
		return f, err
	}
	svc, err := start(o.binary, env, s.files)
	if err != nil {
		return f, err
	}
	defer svc.stop()
	others, err := newOthers(ctx, svc, s.refused)
	if err != nil {
		return f, err
	}
	defer others.leave()
	if err := awaitCalm(ctx, others, o.calm); err != nil {
		return f, err
	}
	resident := svc.memory()
	files, lines, began := svc.files(), svc.lines.Load(), time.Now()
	probing, endProbe := context.WithCancel(ctx)
	defer endProbe()
	probe := beginProbe(probing, svc)
	if s.closeLog {
		svc.closeLog()
	}

	attackers, err := beginAttack(s.attack.on(svc))
	if err != nil {
		return f, err
	}
	defer attackers.leave()
	select {
	case <-attackers.ready:
	case <-svc.ended:
	case <-ctx.Done():
	case <-time.After(arriveWithin): // the figures show that the attack was too weak
	}
	_ = pause(ctx, max(o.attack, s.hold))
	sent := attackers.leave()
	ended := time.Now()
	endProbe()

	calm := others.soFar().between(began.Add(-o.calm), began).percentile(99)
	f.RecoverySeconds = recovery(ctx, svc, others, ended, files+spareFiles, max(2*calm, busy))
	f.Ended = svc.end()
	<-probe.ended
	took := ended.Sub(began).Seconds()
	attacked := others.leave().between(began, ended)
	f.MemoryMiB = max(0, float64(svc.peak()-resident)/(1<<20))
	f.CalmMS, f.AttackedMS = inMilliseconds(calm), inMilliseconds(attacked.percentile(99))
	f.RigLateMS = inMilliseconds(attacked.lateness(99))
	f.FailedPercent = 100 * float64(attacked.failures()) / float64(max(1, len(attacked)))
	f.LinesPerSecond = float64(svc.lines.Load()-lines) / took
	f.Connections, f.LivezFailures = sent.Connections, probe.failures.Load()
	f.SentPerSecond, f.AnsweredPerSecond = float64(sent.Sent)/took, float64(sent.Answered)/took
	if s.limit > 0 {
		f.Passed = max(0, sent.Granted-s.limit)
	}
	return f, ctx.Err()
}

// calmTries is how many times the others are measured before an attack, while the machine is busy
// with something else.
const calmTries = 4

// awaitCalm returns after the others have been served for a time without load.
func awaitCalm(ctx context.Context, others *others, calmFor time.Duration) error {
	if err := pause(ctx, warmFor); err != nil {
		return err
	}
	for range calmTries {
		began := time.Now()
		if err := pause(ctx, calmFor); err != nil {
			return err
		}
		in := others.soFar().between(began, time.Now())
		if in.percentile(95) < busy && in.lateness(99) < busyRig*time.Millisecond {
			break
		}
	}
	return nil
}

// recovery waits until the others are served as in calm and the service has released its
// connections. It returns the seconds that took from the end of the attack, or never.
func recovery(ctx context.Context, svc *service, others *others, ended time.Time, files int,
	bound time.Duration) float64 {
	var released time.Time
	for time.Since(ended) < recoverWithin && ctx.Err() == nil && svc.end() == "" {
		if released.IsZero() && svc.files() <= files {
			released = time.Now()
		}
		calm, found := others.soFar().calmFrom(ended, time.Now(), bound)
		if found && !released.IsZero() {
			return max(calm.Sub(ended), released.Sub(ended)).Seconds()
		}
		_ = pause(ctx, 50*time.Millisecond)
	}
	return never
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return ctx.Err()
}

func inMilliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
