package console

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/offload/sessiond/ports"
)

// The counts from which the console says that something is wrong.
const (
	// leastCount is the number of refusals, failures and the like in a minute below which none of
	// the shares below counts. Shares are in percent: of requests for a session that were refused,
	// of requests that failed, of tokens with unknown keys, and of proofs of device keys that were
	// rejected. Phones with wrong clocks need a second proof, so some of these always are.
	leastCount    = 10
	refusedShare  = 5
	failedShare   = 1
	unknownShare  = 5
	unprovedShare = 25
	// leastOutages is how many outages in 15 minutes are more than single ones.
	leastOutages = 3
)

// considerable reports whether n of all is a number and a share that count.
func considerable(n, all, share int) bool { return n >= leastCount && n*100 >= all*share }

// failing returns that requests fail.
func failing(v *view) []notice {
	of := v.Traffic.LastMinute
	if !considerable(of.Failed, of.Answered, failedShare) {
		return nil
	}
	return []notice{{Status: statusCritical,
		Summary: fmt.Sprintf("%d %% of requests fail (5xx)", of.Failed*100/max(of.Answered, 1)),
		Detail: fmt.Sprintf("%s of %s in the last minute.", grouped(of.Failed),
			grouped(of.Answered)),
		Remedy:  "Read cause in the http_request lines of the log at level WARN",
		Runbook: "SessiondErrors"}}
}

// throttled returns limits that refuse a considerable share of the requests.
func (c *Console) throttled(v *view) []notice {
	of := v.Traffic.LastMinute
	requests := of.Refused + of.Issued + of.Renewed
	if c.Mode == ports.Observe {
		requests -= of.Refused // they were issued too
	}
	requests = max(requests, of.Refused)
	if !considerable(of.Refused, requests, refusedShare) {
		return nil
	}
	by := slices.MaxFunc(v.Traffic.refusedBy, func(a, b count) int {
		return cmp.Compare(a.Count, b.Count)
	})
	verb := "refuse"
	if c.Mode == ports.Observe {
		verb = "would refuse"
	}
	few, remedy := "Many installations share them.",
		"A crowd, an attack with new ids, or a limit that is too low"
	if n := v.Limits.half(); n > 0 {
		few = "Half of them fall on " + plural(n, "installation") + "."
		remedy = "A client that repeats, or an attack: see Installations refused most"
	}
	return []notice{{Status: statusAttention,
		Summary: fmt.Sprintf("Limits %s %d %% of requests, most by %s", verb,
			of.Refused*100/requests, by.Name),
		Detail: fmt.Sprintf("%s of %s in the last minute, %s of them by %s. %s",
			grouped(of.Refused), grouped(requests), grouped(by.Count), by.Name, few),
		Remedy: remedy, Runbook: "SessiondRefusalsUnusual"}}
}

// shedding returns the resource budgets that were reached.
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

// unknownKeys returns that clients have sessions of keys that are not in the keyset.
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

// unproved returns proofs of device keys of which many are rejected.
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

// stranger returns that a proxy is probably not trusted.
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
