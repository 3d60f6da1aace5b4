package console

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/ports"
)

// status is how bad something is.
type status uint8

// The statuses, from the best to the worst.
const (
	statusOK status = iota
	// statusInfo needs no one's attention.
	statusInfo
	// statusAttention is for the next day at the latest.
	statusAttention
	// statusCritical is for now: clients notice, or will.
	statusCritical
)

// String returns the word for the status.
func (s status) String() string {
	switch s {
	case statusOK:
		return "ok"
	case statusInfo:
		return "info"
	case statusAttention:
		return "attention"
	case statusCritical:
		return "critical"
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (s status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// notice says what is wrong now, what that means, and what to do.
type notice struct {
	Status  status `json:"status"`
	Summary string `json:"summary"`
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy"`
	// Since is when it began; nil if that is not known.
	Since *time.Time `json:"since"`
}

// worst returns the status of a list of notices.
func worst(list []notice) status {
	var all status
	for _, n := range list {
		all = max(all, n.Status)
	}
	if all == statusInfo {
		return statusOK
	}
	return all
}

// The bounds beyond which the console speaks of what it shows anyway.
const (
	// leastRefused and refusedShare are the refusals of a minute, and their share of its requests
	// in percent, from which limits count as being hit.
	leastRefused = 10
	refusedShare = 5
	// certificateSoon is how long before its end a certificate should have been renewed.
	certificateSoon = 7 * 24 * time.Hour
	// gapSoon is how long before a time without a signing key the console warns of it.
	gapSoon = 7 * 24 * time.Hour
)

// notices returns what is wrong, the worst first.
func (c *Console) notices(v *view, standing standing) []notice {
	list := []notice{}
	list = append(list, c.unready(v)...)
	list = append(list, c.outage(standing)...)
	list = append(list, c.signing(v)...)
	list = append(list, c.throttled(v)...)
	list = append(list, shedding(v)...)
	list = append(list, c.files(standing)...)
	list = append(list, expiring(v)...)
	if standing.storageProblem != "" && c.Storage.Shared() {
		list = append(list, notice{Status: statusAttention,
			Summary: "The shared storage is misconfigured",
			Detail:  "The server " + standing.storageProblem})
	}
	if standing.stranger {
		list = append(list, notice{Status: statusAttention,
			Summary: "A proxy is missing in the configuration",
			Detail: "A peer in a private range sends forwarding headers and is not trusted: all " +
				"clients behind it share one limit.",
			Remedy: "If it is your proxy, add it to " + c.ProxiesVariable})
	}
	slices.SortStableFunc(list, func(a, b notice) int { return cmp.Compare(b.Status, a.Status) })
	return list
}

// unready returns the checks that fail.
func (c *Console) unready(v *view) []notice {
	var list []notice
	for _, check := range v.Checks {
		if check.Ready {
			continue
		}
		list = append(list, notice{Status: statusCritical,
			Summary: "Not ready: " + cmp.Or(check.Detail, check.Name),
			Detail:  "Balancers send no requests to this replica."})
	}
	return list
}

// outage returns an outage of the shared storage.
func (c *Console) outage(standing standing) []notice {
	if standing.outage == nil {
		return nil
	}
	summary := "The shared storage (" + c.Storage.String() + ") is out"
	switch standing.policy {
	case ports.OutageLocal:
		summary += ": each replica limits by itself"
	case ports.OutageDeny:
		summary += ": no sessions are issued"
	case ports.OutageAllow:
		summary += ": nothing is limited"
	}
	return []notice{{Status: statusCritical, Summary: summary,
		Detail: "Cause: " + standing.outage.detail,
		Remedy: "Repair the storage; the service goes on by itself",
		Since:  known(standing.outage.at.Truncate(time.Second))}}
}

// signing returns a lack of signing keys, now or soon, keys that end too early, and a rotation.
func (c *Console) signing(v *view) []notice {
	var list []notice
	gap, hasGap := v.keyring.SigningGap(v.At)
	next := "No key signs later."
	if !gap.Until.IsZero() {
		next = "The next key signs " + when(v.At, gap.Until) + "."
	}
	switch {
	case hasGap && !gap.From.After(v.At):
		list = append(list, notice{Status: statusCritical,
			Summary: "No key signs: no sessions are issued", Detail: next +
				" Sessions still verify.", Remedy: capital(c.SignerMissing)})
	case hasGap && v.At.Add(gapSoon).After(gap.From):
		list = append(list, notice{Status: statusAttention,
			Summary: "No key will sign from " + when(v.At, gap.From), Detail: next,
			Remedy: "Create a key that signs before that"})
	}
	for _, early := range v.keyring.EarlyEnds(c.Retention, v.At) {
		list = append(list, notice{Status: statusAttention,
			Summary: "The key " + string(early.ID) + " ends too early",
			Detail: "It verifies until " + when(v.At, early.VerifyUntil) + ", and sessions that " +
				"it signs are of use until " + when(v.At, early.UsefulUntil) + ".",
			Remedy: capital(c.KeysEndEarly)})
	}
	for _, change := range v.Changes {
		if change.State == keys.Signing {
			return append(list, notice{Status: statusInfo,
				Summary: "A rotation is under way: the key " + string(change.ID) + " signs from " +
					when(v.At, change.At)})
		}
	}
	return list
}

// throttled returns limits that refuse a considerable share of the requests.
func (c *Console) throttled(v *view) []notice {
	of := v.Traffic.LastMinute
	requests := of.Refused + of.Issued + of.Renewed
	if c.Mode == ports.Observe {
		requests -= of.Refused // they were issued too
	}
	if of.Refused < leastRefused || of.Refused*100 < requests*refusedShare {
		return nil
	}
	by := slices.MaxFunc(v.Traffic.refusedBy, func(a, b count) int {
		return cmp.Compare(a.Count, b.Count)
	})
	verb := "refuse"
	if c.Mode == ports.Observe {
		verb = "would refuse"
	}
	share := of.Refused * 100 / max(requests, of.Refused)
	return []notice{{Status: statusAttention,
		Summary: fmt.Sprintf("Limits %s %d %% of requests, most by %s", verb, share, by.Name),
		Detail: fmt.Sprintf("%s of %s in the last minute, %s of them by %s.",
			grouped(of.Refused), grouped(max(requests, of.Refused)), grouped(by.Count), by.Name),
		Remedy: "Few installations below: an attack. Many: a crowd, or a limit that is too low"}}
}

// shedding returns the resource budgets that were reached.
func shedding(v *view) []notice {
	var list []notice
	for _, shed := range v.Traffic.shedLately {
		if shed.Count > 0 {
			list = append(list, notice{Status: statusAttention,
				Summary: "Load is shed: the budget " + shed.Name + " is reached",
				Detail:  grouped(shed.Count) + " connections or requests in the last minute.",
				Remedy:  "An attack, or a bound that is too low"})
		}
	}
	return list
}

// files returns the files that were changed and cannot be used.
func (c *Console) files(standing standing) []notice {
	var list []notice
	for _, f := range standing.failing {
		list = append(list, notice{Status: statusAttention,
			Summary: nameOf(f.material) + ": the changed files cannot be used",
			Detail:  "What was read before stays in force. Cause: " + f.detail,
			Remedy:  "Repair the files: a restart would fail",
			Since:   known(f.at.Truncate(time.Second))})
	}
	return list
}

// expiring returns a certificate that ends soon.
func expiring(v *view) []notice {
	if v.Certificate == nil {
		return nil
	}
	ends := v.Certificate.NotAfter
	switch {
	case !ends.After(v.At):
		return []notice{{Status: statusCritical, Summary: "The certificate has ended",
			Detail: "Clients refuse to connect.", Remedy: "Renew it", Since: known(ends)}}
	case ends.Before(v.At.Add(certificateSoon)):
		return []notice{{Status: statusAttention,
			Summary: "The certificate ends " + when(v.At, ends), Remedy: "Renew it"}}
	}
	return nil
}
