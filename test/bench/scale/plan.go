package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/offload/sessiond/test/bench/rig"
)

// The service on paper.
const (
	installations = 1_000_000_000
	lifetime      = time.Hour // of a session: each installation renews once in it
	window        = time.Minute
	// refreshAt is when clients renew, as a share of the lifetime: the server's refresh_after.
	refreshAt = 2768.0 / 3600
	// load is how much of the measured capacity is planned for. The rest is for the loss of a part,
	// and for catching up.
	load = 0.5
	// keysOfRenewal is how many subjects a renewal is counted for, each under a key.
	keysOfRenewal = 2
	// failover is how long a Cluster takes to replace a lost shard, with its node timeout at 15 s.
	failover = 20 * time.Second
)

// The outages whose wave is computed.
var outages = []time.Duration{time.Minute, 10 * time.Minute, time.Hour}

// measured are the figures that the plan is made from, each of one machine.
type measured struct {
	processors int
	issued     float64 // sessions a second of one replica
	decided    float64 // decisions a second on a Cluster of one node
	kept       float64 // bytes of a key on Redis
}

// The figures, as command compare names them.
const (
	issuedFigure  = "sessiond"
	issuedRow     = "`POST /v1/sessions/anonymous`, each by a new installation and address"
	sharedRow     = "a decision on Redis, 64 callers, behind the outage policy"
	decidedFigure = "on a Cluster of one node"
	keptFigure    = "bytes of a subject with one grant"
)

// measuredIn returns the figures from results. It fails if one of them is missing.
func measuredIn(results rig.Results) (m measured, err error) {
	m.processors = results.Processors
	perRequest, err := figure(results, issuedRow, issuedFigure)
	if err != nil {
		return m, err
	}
	m.issued = float64(time.Second) / perRequest
	if m.decided, err = figure(results, sharedRow, decidedFigure); err != nil {
		return m, err
	}
	m.kept, err = figure(results, sharedRow, keptFigure)
	return m, err
}

// figure returns a figure of the first row of that name that has it.
func figure(results rig.Results, what, name string) (float64, error) {
	for _, row := range results.Rows {
		for _, one := range row.Figures {
			if row.What == what && one.Name == name && one.Value > 0 {
				return one.Value, nil
			}
		}
	}
	return 0, fmt.Errorf("no figure %q of %q: run make bench first", name, what)
}

// plan is what follows from the figures.
type plan struct {
	renewals float64 // a second
	replicas int
	shards   int
	memory   float64 // of one shard, in MiB
	affected float64 // share of the renewals that a lost shard affects
	byPolicy float64 // renewals that the outage policy decides until the shard is replaced
}

func (m measured) plan() plan {
	p := plan{renewals: installations / lifetime.Seconds()}
	p.replicas = int(math.Ceil(p.renewals / (load * m.issued)))
	p.shards = int(math.Ceil(p.renewals / (load * m.decided)))
	p.memory = p.renewals * window.Seconds() * keysOfRenewal * m.kept / float64(p.shards) / (1 << 20)
	p.affected = 1 - math.Pow(1-1/float64(p.shards), keysOfRenewal)
	p.byPolicy = p.affected * p.renewals * failover.Seconds()
	return p
}

// wave is what an outage of the whole service leaves behind.
type wave struct {
	waiting float64       // installations that could not renew
	expired float64       // of them, those whose session expired meanwhile
	drained time.Duration // until all have renewed, after the outage
}

// after returns the wave after an outage. All who wait come as soon as they can, beside those whose
// time it is; what is above the capacity is refused and comes again.
func (p plan) after(outage time.Duration) wave {
	spare := time.Duration((1 - refreshAt) * float64(lifetime))
	return wave{waiting: p.renewals * min(outage, lifetime).Seconds(),
		expired: p.renewals * max(outage-spare, 0).Seconds(),
		drained: time.Duration(float64(outage) * load / (1 - load))}
}

// table formats the plan.
func table(m measured) string {
	p := m.plan()
	var text strings.Builder
	fmt.Fprintf(&text, "10⁹ installations that renew hourly make %s renewals a second. "+
		"Machines have %d processors, as the measured one, and are planned at %.0f%% of what it did: "+
		"%s sessions a second for a replica, %s decisions a second for a shard.\n\n"+
		"| What | Figure |\n| --- | --- |\n", grouped(p.renewals), m.processors, 100*load,
		grouped(m.issued), grouped(m.decided))
	row := func(what, format string, values ...any) {
		fmt.Fprintf(&text, "| %s | %s |\n", what, fmt.Sprintf(format, values...))
	}
	row("replicas", "%s", grouped(float64(p.replicas)))
	row("shards of a Redis Cluster, without their replicas", "%s", grouped(float64(p.shards)))
	row("memory of a shard for subjects", "%s MiB", grouped(p.memory))
	row("renewals that a lost shard affects", "%.2f%%", 100*p.affected)
	row(fmt.Sprintf("renewals decided by the outage policy until it is replaced, after %.0f s",
		failover.Seconds()), "%s", grouped(p.byPolicy))
	for _, outage := range outages {
		w := p.after(outage)
		row(fmt.Sprintf("after an outage of everything for %.0f min", outage.Minutes()),
			"%s wait, the sessions of %s have expired; all have renewed after %.0f min",
			grouped(w.waiting), grouped(w.expired), w.drained.Minutes())
	}
	return text.String()
}

// grouped writes a number with two digits that mean something, or whole below a hundred, with
// commas.
func grouped(value float64) string {
	if value >= 100 {
		scale := math.Pow(10, math.Floor(math.Log10(value))-1)
		value = math.Round(value/scale) * scale
	}
	digits := fmt.Sprintf("%.0f", value)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
