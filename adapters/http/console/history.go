package console

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

const (
	// historyLength is how many incidents are kept.
	historyLength = 24
	// maxDetail is how many bytes of a cause are kept.
	maxDetail = 400
)

// moment is an instant by both clocks: the wall clock says when it was, and the monotonic clock how
// long ago it is, whatever was done to the wall clock since.
type moment struct {
	wall   time.Time
	steady throttle.Instant
}

// incident is one line of the history: something that happened, or a condition that began then.
type incident struct {
	at           moment
	what, detail string
}

// history holds the last incidents, and the conditions that began and have not ended.
type history struct {
	mu        sync.Mutex
	incidents []incident // at most historyLength
	// outage is the present outage of the shared storage, and policy decides in it; nil if there is
	// none.
	outage  *incident
	policy  ports.OutagePolicy
	failing map[ports.Material]failure
	// misconfigured is the incident since which the shared storage is misconfigured; nil if it is
	// not.
	misconfigured *incident
	// traces is the incident since which traces are lost; nil if they are not.
	traces *incident
}

// add appends an incident, and removes the oldest one if there are historyLength.
func (h *history) add(at moment, what, detail string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep(at, what, detail)
}

// keep is add for callers that hold the lock. It returns the incident with its detail shortened.
func (h *history) keep(at moment, what, detail string) incident {
	kept := incident{at, what, shortened(detail)}
	if len(h.incidents) == historyLength {
		h.incidents = slices.Delete(h.incidents, 0, 1)
	}
	h.incidents = append(h.incidents, kept)
	return kept
}

// shortened returns a copy of text, cut after maxDetail bytes at most, between characters.
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

func (h *history) outageStarted(at moment, policy ports.OutagePolicy, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	began := h.keep(at, "The shared storage went out: the policy "+policy.String()+" decides",
		cause.Error())
	h.outage, h.policy = &began, policy
}

func (h *history) outageEnded(at moment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	detail := ""
	if h.outage != nil {
		detail = "after " + duration(h.outage.at.steady.Until(at.steady))
	}
	h.outage = nil
	h.keep(at, "The shared storage came back", detail)
}

func (h *history) storageMisconfigured(at moment, problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	began := h.keep(at, "The shared storage is misconfigured", problem)
	h.misconfigured = &began
}

func (h *history) storageRepaired(at moment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.misconfigured = nil
	h.keep(at, "The shared storage is no longer misconfigured", "")
}

func (h *history) tracesLost(at moment, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	began := h.keep(at, "Traces are not exported", cause.Error())
	h.traces = &began
}

func (h *history) tracesExported(at moment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.traces = nil
	h.keep(at, "Traces are exported again", "")
}

func (h *history) reloaded(at moment, material ports.Material) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.failing, material)
	h.keep(at, nameOf(material)+": new content is in force", "")
}

func (h *history) reloadFailed(at moment, e ports.ReloadFailed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failing[e.Material] = failure{e.Material, shortened(e.Remedy), h.keep(at,
		nameOf(e.Material)+": the changed files cannot be used", e.Cause.Error())}
}

// standing is a copy of the content of a history.
type standing struct {
	incidents     []incident // the latest first
	outage        *incident
	policy        ports.OutagePolicy
	failing       []failure
	misconfigured *incident
	traces        *incident
}

// failure is a material whose changed files cannot be used.
type failure struct {
	material ports.Material
	remedy   string // for the first fault; empty if it is not known
	incident
}

// read returns what the history holds.
func (h *history) read() standing {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := standing{incidents: slices.Clone(h.incidents), outage: h.outage, policy: h.policy,
		misconfigured: h.misconfigured, traces: h.traces}
	slices.Reverse(s.incidents)
	for _, material := range ports.Materials() {
		if f, ok := h.failing[material]; ok {
			s.failing = append(s.failing, f)
		}
	}
	return s
}

// nameOf returns the name of a material on the page.
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
