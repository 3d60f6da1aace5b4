package console

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/offload/sessiond/ports"
)

const (
	// historyLength is how many incidents are kept.
	historyLength = 24
	// maxDetail is how many bytes of a cause are kept.
	maxDetail = 400
)

// incident is something that happened, or that began and lasts.
type incident struct {
	at           time.Time
	what, detail string
}

// history holds the last incidents, and what began and has not ended.
type history struct {
	mu        sync.Mutex
	incidents []incident // at most historyLength
	// outage is that of the shared storage; nil if there is none.
	outage  *incident
	policy  ports.OutagePolicy
	failing map[ports.Material]incident
	// storageProblem is how the shared storage is misconfigured, as it was seen last; or empty.
	storageProblem string
	// stranger is set once a peer that is not trusted sent forwarding headers.
	stranger atomic.Bool
}

// add keeps an incident in place of the oldest one.
func (h *history) add(at time.Time, what, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep(at, what, detail)
}

// keep is add for callers that hold the lock. It returns the incident as it is kept.
func (h *history) keep(at time.Time, what, detail string) incident {
	kept := incident{at, what, shortened(detail)}
	if len(h.incidents) == historyLength {
		h.incidents = slices.Delete(h.incidents, 0, 1)
	}
	h.incidents = append(h.incidents, kept)
	return kept
}

// shortened returns text, or as much of it as is kept.
func shortened(text string) string {
	if len(text) <= maxDetail {
		return strings.Clone(text)
	}
	cut := maxDetail
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

func (h *history) outageStarted(at time.Time, policy ports.OutagePolicy, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	began := h.keep(at, "The shared storage went out: the policy "+policy.String()+" decides",
		cause.Error())
	h.outage, h.policy = &began, policy
}

func (h *history) outageEnded(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	detail := ""
	if h.outage != nil {
		detail = "after " + duration(at.Sub(h.outage.at))
	}
	h.outage = nil
	h.keep(at, "The shared storage came back", detail)
}

func (h *history) misconfigured(at time.Time, problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.storageProblem = h.keep(at, "The shared storage is misconfigured", problem).detail
}

func (h *history) reloaded(at time.Time, material ports.Material) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.failing, material)
	h.keep(at, nameOf(material)+": new content is in force", "")
}

func (h *history) reloadFailed(at time.Time, material ports.Material, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failing[material] = h.keep(at, nameOf(material)+": the changed files cannot be used",
		cause.Error())
}

// standing is a copy of what a history holds.
type standing struct {
	incidents      []incident // the latest first
	outage         *incident
	policy         ports.OutagePolicy
	failing        []failure
	storageProblem string
	stranger       bool
}

// failure is a material whose changed files cannot be used.
type failure struct {
	material ports.Material
	incident
}

func (h *history) read() standing {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := standing{incidents: slices.Clone(h.incidents), outage: h.outage, policy: h.policy,
		storageProblem: h.storageProblem, stranger: h.stranger.Load()}
	slices.Reverse(s.incidents)
	for _, material := range ports.Materials() {
		if began, ok := h.failing[material]; ok {
			s.failing = append(s.failing, failure{material, began})
		}
	}
	return s
}

// nameOf returns what the page calls a material.
func nameOf(material ports.Material) string {
	switch material {
	case ports.MaterialKeys:
		return "Keyset"
	case ports.MaterialTLS:
		return "Certificate"
	case ports.MaterialRedisTLS:
		return "TLS files for Redis"
	}
	return string(material)
}
