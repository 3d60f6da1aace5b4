package console

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/offload/sessiond/ports"
)

// The thresholds of notices about traffic.
const (
	// leastCount is the number of refusals, failures and the like in a minute below which the
	// shares do not matter. The shares are in percent: of requests for a session that were refused,
	// of requests that failed, of requests whose token names an unknown key, and of proofs of
	// device keys that were rejected. Phones with wrong clocks need a second proof, so some proofs
	// are always rejected.
	leastCount    = 10
	refusedShare  = 5
	failedShare   = 1
	unknownShare  = 5
	unprovedShare = 25
	// leastOutages is the number of outages in 15 minutes from which there is a notice even while
	// the storage is available.
	leastOutages = 3
)

// considerable reports whether n of all reaches leastCount and the share in percent.
func considerable(n, all, share int) bool { return n >= leastCount && n*100 >= all*share }

// failing returns a notice if a considerable share of requests fails.
func failing(v *view) []notice {
	last := v.Traffic.LastMinute
	if !considerable(last.Failed, last.Answered, failedShare) {
		return nil
	}
	return []notice{{Status: statusCritical,
		Summary: fmt.Sprintf("%d %% of requests fail (5xx)", last.Failed*100/max(last.Answered, 1)),
		Detail: fmt.Sprintf("%s of %s in the last minute.", grouped(last.Failed),
			grouped(last.Answered)),
		Remedy:  "Read cause in the http_request lines of the log at level WARN",
		Runbook: "SessiondErrors"}}
}

// throttled returns a notice if limits refuse a considerable share of requests for a session.
func (c *Console) throttled(v *view) []notice {
	last := v.Traffic.LastMinute
	requests := last.Refused + last.Issued + last.Renewed
	if c.Mode == ports.Observe {
		requests -= last.Refused // they were issued too
	}
	requests = max(requests, last.Refused)
	if !considerable(last.Refused, requests, refusedShare) {
		return nil
	}
	by := slices.MaxFunc(v.Traffic.refusedBy, func(a, b count) int {
		return cmp.Compare(a.Count, b.Count)
	})
	verb := "refuse"
	if c.Mode == ports.Observe {
		verb = "would refuse"
	}
	spread, remedy := "Many installations share them.",
		"A crowd, an attack with new ids, or a limit that is too low"
	if n := v.Limits.half(); n > 0 {
		spread = "Half of them fall on " + plural(n, "installation") + "."
		remedy = "A client that repeats, or an attack: see Installations refused most"
	}
	return []notice{{Status: statusAttention,
		Summary: fmt.Sprintf("Limits %s %d %% of requests, most by %s", verb,
			last.Refused*100/requests, by.Name),
		Detail: fmt.Sprintf("%s of %s in the last minute, %s of them by %s. %s",
			grouped(last.Refused), grouped(requests), grouped(by.Count), by.Name, spread),
		Remedy: remedy, Runbook: "SessiondRefusalsUnusual"}}
}

// shedding returns a notice for each resource budget that was reached in the last minute.
func shedding(v *view) []notice {
	var list []notice
	for _, shed := range v.Traffic.shedLately {
		if shed.Count > 0 {
			list = append(list, notice{Status: statusAttention,
				Summary: "Load is shed: the budget " + shed.Name + " is reached",
				Detail:  grouped(shed.Count) + " connections or requests in the last minute.",
				Remedy:  remedyOf(ports.Budget(shed.Name)),
				Runbook: "SessiondBudgetReached"})
		}
	}
	return list
}

// remedyOf returns what to do if a budget is reached.
func remedyOf(budget ports.Budget) string {
	switch budget {
	case ports.BudgetRequests:
		return "The machine is too slow for its load: add a replica"
	case ports.BudgetWaiting, ports.BudgetUnread:
		return "Slow clients, or an attack with them: nothing has to be done while others are served"
	case ports.BudgetConnections, ports.BudgetConnectionsPerAddress, ports.BudgetConnectionsPerNetwork:
		return "An attack, a proxy that is not trusted, or a bound that is too low"
	}
	return ""
}

// unknownKeys returns a notice if many tokens name keys that are not in the keyset.
func unknownKeys(v *view) []notice {
	n, all := v.Traffic.lately[countUnknownKey], v.Traffic.LastMinute.Answered
	if !considerable(n, all, unknownShare) {
		return nil
	}
	return []notice{{Status: statusAttention,
		Summary: "Tokens name keys that are not in the keyset",
		Detail:  grouped(n) + " in the last minute. Their clients have to ask for a new session.",
		Remedy: "Replicas have different keysets, or a key was removed too early; otherwise a " +
			"client is guessing",
		Runbook: "SessiondUnknownKeys"}}
}

// unproved returns a notice if many proofs of device keys are rejected.
func unproved(v *view) []notice {
	n, accepted := v.Traffic.lately[countUnproved], v.Traffic.lately[countProved]
	if !considerable(n, n+accepted, unprovedShare) {
		return nil
	}
	return []notice{{Status: statusAttention,
		Summary: "Many proofs of device keys are rejected",
		Detail:  grouped(n) + " of " + grouped(n+accepted) + " in the last minute.",
		Remedy: "offload_proofs_total has the reasons: a public origin that is missing in the " +
			"configuration, a proxy that does not tell the original request, clients that repeat " +
			"proofs, or a thief",
		Runbook: "proof_rejected"}}
}

// stranger returns a notice if a proxy in front of the service is probably not trusted.
func (c *Console) stranger(v *view) []notice {
	n := v.Traffic.quarter[countStranger]
	if n == 0 {
		return nil
	}
	return []notice{{Status: statusAttention,
		Summary: "A proxy is missing in the configuration",
		Detail: "A peer in a private range sends forwarding headers and is not trusted (" +
			plural(n, "request") + " in the last 15 minutes): all clients behind it share one limit.",
		Remedy:  "If it is your proxy, add it to " + c.ProxiesVariable,
		Runbook: "SessiondProxyNotTrusted"}}
}
