package console

import (
	"cmp"
	"slices"
	"time"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// status is the severity of a notice.
type status uint8

// The statuses, from the best to the worst.
const (
	statusOK status = iota
	// statusInfo needs no one's attention.
	statusInfo
	// statusAttention can wait for the morning: that of an alert with the severity warning.
	statusAttention
	// statusCritical needs attention now, because clients notice, or will: that of a critical
	// alert.
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

// notice is one thing that is wrong now, with its meaning and its remedy.
type notice struct {
	Status  status `json:"status"`
	Summary string `json:"summary"`
	Detail  string `json:"detail"`
	Remedy  string `json:"remedy"`
	// Runbook is the entry of the runbook: an alert, an event of the log or a heading. It is empty
	// if there is nothing to do.
	Runbook string `json:"runbook"`
	// Since is when the condition began; nil if that is not known.
	Since *time.Time `json:"since"`

	// Age is how long ago Since was, by the monotonic clock.
	Age time.Duration `json:"-"`
}

// began returns a copy of the notice with the moment at which its condition began.
func (n notice) began(at moment, now throttle.Instant) notice {
	n.Since, n.Age = known(at.wall.Truncate(time.Second)), at.steady.Until(now)
	return n
}

// worst returns the worst status in a list of notices. Notices for information only count as ok.
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

// notices returns every notice, the worst status first. Of notices with the same status, those that
// clients notice most come first. Each function that it calls returns its notices, or none.
func (c *Console) notices(v *view, standing standing) []notice {
	list := []notice{}
	list = append(list, c.signing(v)...)
	list = append(list, unready(v)...)
	list = append(list, expiring(v)...)
	list = append(list, c.outage(v, standing)...)
	list = append(list, failing(v)...)
	list = append(list, files(v, standing)...)
	list = append(list, c.stranger(v)...)
	list = append(list, c.throttled(v)...)
	list = append(list, unknownKeys(v)...)
	list = append(list, unproved(v)...)
	list = append(list, shedding(v)...)
	list = append(list, c.storageFaults(v, standing)...)
	list = append(list, c.logGaps()...)
	list = append(list, untraced(v, standing)...)
	list = append(list, rotation(v)...)
	slices.SortStableFunc(list, func(a, b notice) int { return cmp.Compare(b.Status, a.Status) })
	return list
}

// unready returns a notice for each readiness check that fails.
func unready(v *view) []notice {
	var list []notice
	for _, check := range v.Checks {
		if check.Ready {
			continue
		}
		list = append(list, notice{Status: statusCritical,
			Summary: "Not ready: " + cmp.Or(check.Detail, check.Name),
			Detail:  "Balancers send no requests to this replica.", Runbook: "Not ready"})
	}
	return list
}

// outage returns a notice for an outage of the shared storage, or for repeated short outages.
func (c *Console) outage(v *view, standing standing) []notice {
	if standing.outage == nil {
		if n := v.Traffic.quarter[countOutage]; n >= leastOutages {
			return []notice{{Status: statusAttention,
				Summary: "The shared storage (" + c.Storage.String() + ") comes and goes",
				Detail:  grouped(n) + " outages in the last 15 minutes; it answers at the moment.",
				Remedy: "Part of a cluster is down, or answers take about as long as the timeout: " +
					"see the causes under What happened",
				Runbook: "limiter_outage_ended"}}
		}
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
	return []notice{notice{Status: statusCritical, Summary: summary,
		Detail:  "Cause: " + standing.outage.detail,
		Remedy:  "Repair the storage; the service goes on by itself",
		Runbook: "SessiondStorageOut"}.began(standing.outage.at, v.instant)}
}

// storageFaults returns notices for a storage that may forget grants, so that limits may not hold.
func (c *Console) storageFaults(v *view, standing standing) []notice {
	var list []notice
	if began := standing.misconfigured; began != nil {
		list = append(list, notice{Status: statusAttention,
			Summary: "The shared storage is misconfigured: limits may not hold",
			Detail:  c.StorageVariable + " " + began.detail + ".",
			Remedy:  "Correct the server: this is noticed within a minute",
			Runbook: "configuration_warning"}.began(began.at, v.instant))
	}
	if c.LastForgotten == nil {
		return list
	}
	if last := c.LastForgotten(); last > 0 && last.Until(v.instant) < time.Minute {
		list = append(list, notice{Status: statusAttention,
			Summary: "The limiter's memory is full: limits do not hold",
			Detail:  "Within the last minute, subjects were forgotten before their window was over.",
			Remedy:  "An attack with many addresses, or a storage that is too small",
			Runbook: "SessiondLimiterForgets"})
	}
	return list
}

// files returns a notice for each material whose changed files cannot be used.
func files(v *view, standing standing) []notice {
	var list []notice
	for _, f := range standing.failing {
		n := notice{Status: statusCritical,
			Summary: nameOf(f.material) + ": the changed files cannot be used",
			Detail: "What was read before stays in force; a restart would fail. Cause: " +
				f.detail,
			Remedy: capital(cmp.Or(f.remedy, "repair the files"))}
		switch f.material {
		case ports.MaterialKeys:
			n.Runbook = "SessiondKeysReloadFailing"
		case ports.MaterialTLS:
			n.Status, n.Runbook = statusAttention, "SessiondCertificateReloadFailing"
		case ports.MaterialRedisTLS:
			n.Runbook = "SessiondRedisTLSReloadFailing"
		}
		list = append(list, n.began(f.at, v.instant))
	}
	return list
}

// untraced returns a notice if traces are lost.
func untraced(v *view, standing standing) []notice {
	began := standing.traces
	if began == nil {
		return nil
	}
	return []notice{notice{Status: statusAttention, Summary: "Traces are lost",
		Detail: "Cause: " + began.detail, Remedy: "Look at the collector",
		Runbook: "SessiondTracesLost"}.began(began.at, v.instant)}
}

// logGaps returns a notice if log lines are lost.
func (c *Console) logGaps() []notice {
	missing := c.LogLinesMissing()
	if missing == 0 {
		return nil
	}
	return []notice{{Status: statusAttention,
		Summary: "The log is not read: " + grouped(int(missing)) + " lines are lost",
		Detail:  "What reads standard error has ended, or is too slow. The service does not wait for it.",
		Remedy:  "Restart the log collector",
		Runbook: "SessiondLogLinesLost"}}
}
