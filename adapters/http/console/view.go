package console

import (
	"encoding/json"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// view is the content of the console, as its JSON has it. Durations are whole seconds.
type view struct {
	At          time.Time    `json:"at"`
	Version     string       `json:"version"`
	Environment string       `json:"environment"`
	Uptime      int          `json:"uptime_seconds"`
	Status      status       `json:"status"`
	Ready       bool         `json:"ready"`
	Checks      []check      `json:"checks"`
	Notices     []notice     `json:"notices"`
	Traffic     trafficView  `json:"traffic"`
	Limits      limitsView   `json:"limits"`
	Storage     storageView  `json:"storage"`
	Keys        []keyView    `json:"keys"`
	Changes     []changeView `json:"key_changes"`
	Certificate *certView    `json:"certificate"`
	Warnings    []Warning    `json:"warnings"`
	History     []eventView  `json:"history"`

	keyring *keys.Keyring
	instant throttle.Instant // of At, by the monotonic clock
}

// check is one part of readiness.
type check struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Detail string `json:"detail"`
}

// trafficView holds the counts of the last 15 minutes, in slots of which the last still grows.
type trafficView struct {
	SlotSeconds int     `json:"slot_seconds"`
	Issued      []int   `json:"issued"`
	Renewed     []int   `json:"renewed"`
	Refused     []int   `json:"refused"`
	Failed      []int   `json:"failed"`
	LastMinute  minute  `json:"last_minute"`
	Shed        []count `json:"shed"`

	quarter, lately []int   // the sum of each count, in the last 15 minutes and in the last minute
	shedLately      []count // in the last minute, by budget
	refusedBy       []count // in the last minute, by dimension
}

// minute holds the counts of the last minute: of sessions, and of requests to the public listener.
type minute struct {
	Issued   int `json:"issued"`
	Renewed  int `json:"renewed"`
	Refused  int `json:"refused"`
	Answered int `json:"answered"`
	Failed   int `json:"failed"`
}

// count is a number of events with the name of their kind.
type count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// limitsView holds the limits, and what they refused in the last 15 minutes.
type limitsView struct {
	Mode       ports.ThrottleMode `json:"mode"`
	Window     int                `json:"window_seconds"`
	Dimensions []limitView        `json:"dimensions"`
	Installs   []installView      `json:"installations"`
	// InstallsRefused is the number of refusals of all installations in the time that the summaries
	// of Installs cover.
	InstallsRefused int `json:"installations_refused"`
}

// half returns the smallest number of installations on which at least half of the refusals fell, or
// 0 if less than half fell on all installations in Installs.
func (l *limitsView) half() int {
	sum := 0
	for i, install := range l.Installs {
		if sum += install.AtLeast; sum*2 >= l.InstallsRefused {
			return i + 1
		}
	}
	return 0
}

// limitView is one limit.
type limitView struct {
	Name    string `json:"name"`
	Limit   int    `json:"limit"` // 0 for none
	Refused int    `json:"refused"`

	What string `json:"-"` // what is limited
}

// installView is an installation that was refused, under the same pseudonym as in the log.
type installView struct {
	Hash    string `json:"install_id_hash"`
	AtLeast int    `json:"refused_at_least"`
}

// storageView is the storage of grants. Outage is nil if there is none.
type storageView struct {
	Kind     ports.StorageKind `json:"kind"`
	Shared   bool              `json:"shared"`
	OnOutage string            `json:"on_outage,omitempty"`
	Outage   *outageView       `json:"outage"`
}

// outageView is the present outage of the shared storage.
type outageView struct {
	Since time.Time `json:"since"`
	Cause string    `json:"cause"`

	Age time.Duration `json:"-"`
}

// keyView is one key of the keyring. SignFrom and VerifyUntil are nil if the plan has none.
type keyView struct {
	ID          keys.ID        `json:"id"`
	Algorithm   keys.Algorithm `json:"algorithm"`
	State       keys.State     `json:"state"`
	SignFrom    *time.Time     `json:"sign_from"`
	VerifyUntil *time.Time     `json:"verify_until"`

	key keys.Key
}

// changeView is a scheduled change of the state of a key.
type changeView struct {
	At    time.Time  `json:"at"`
	ID    keys.ID    `json:"id"`
	State keys.State `json:"state"`
}

// certView is the certificate in force.
type certView struct {
	NotAfter time.Time `json:"not_after"`
}

// eventView is one line of the history.
type eventView struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"`
	Detail string    `json:"detail"`

	Age time.Duration `json:"-"`
}

// view returns the present state.
func (c *Console) view() *view {
	now, instant := c.Clock.Now().UTC().Truncate(time.Second), c.Clock.Instant()
	standing, keyring := c.Recorder.history.read(), c.Keys.Keyring()
	v := &view{At: now, Version: c.Version, Environment: c.Environment,
		Uptime: int(c.Recorder.uptime(instant) / time.Second), Ready: true,
		Checks: []check{}, Changes: []changeView{}, Warnings: append([]Warning{}, c.Warnings...),
		History: []eventView{}, keyring: keyring, instant: instant}
	for _, condition := range c.Readiness.Conditions() {
		v.Ready = v.Ready && condition.Ready
		v.Checks = append(v.Checks, check(condition))
	}
	c.counts(v, instant)
	v.Storage = c.storage(v, standing)
	for _, key := range keyring.Keys() {
		v.Keys = append(v.Keys, keyView{ID: key.ID(), Algorithm: key.Algorithm(),
			State: keyring.StateAt(key, now), SignFrom: known(key.Plan().SignFrom),
			VerifyUntil: known(key.Plan().VerifyUntil), key: key})
	}
	for _, change := range keyring.Schedule(now) {
		v.Changes = append(v.Changes, changeView{change.At.UTC(), change.ID, change.State})
	}
	if c.CertificateEnds != nil {
		v.Certificate = &certView{NotAfter: c.CertificateEnds().UTC()}
	}
	for _, e := range standing.incidents {
		v.History = append(v.History, eventView{e.at.wall.UTC().Truncate(time.Second), e.what,
			e.detail, e.at.steady.Until(instant)})
	}
	v.Notices = c.notices(v, standing)
	v.Status = worst(v.Notices)
	return v
}

// counts sets the traffic and the limits of v from what was counted until now.
func (c *Console) counts(v *view, now throttle.Instant) {
	slots := c.Recorder.traffic.read(now)
	sums, lately := make([]int, counts), make([]int, counts)
	t := &v.Traffic
	t.SlotSeconds = int(slotLength / time.Second)
	for i, of := range slots {
		refused := 0
		for j, n := range of {
			sums[j] += n
			if i >= slotCount-1-minuteSlots { // a minute, and the slot that still grows
				lately[j] += n
			}
			if j >= firstDimension && j < firstBudget {
				refused += n
			}
		}
		t.Issued = append(t.Issued, of[countNew])
		t.Renewed = append(t.Renewed, of[countRenewed])
		t.Refused = append(t.Refused, refused)
		t.Failed = append(t.Failed, of[countFailed])
	}
	t.quarter, t.lately = sums, lately
	t.LastMinute = minute{Issued: lately[countNew], Renewed: lately[countRenewed],
		Answered: lately[countAnswered], Failed: lately[countFailed]}
	l := &v.Limits
	l.Mode, l.Window = c.Mode, int(c.Window/time.Second)
	for i, dimension := range dimensions {
		t.LastMinute.Refused += lately[firstDimension+i]
		t.refusedBy = append(t.refusedBy, count{dimension.String(), lately[firstDimension+i]})
		l.Dimensions = append(l.Dimensions, limitView{Name: dimension.String(),
			Limit: c.LimitOf(dimension), Refused: sums[firstDimension+i], What: whatOf(dimension)})
	}
	t.Shed = []count{}
	for i, budget := range budgets {
		t.Shed = append(t.Shed, count{string(budget), sums[firstBudget+i]})
		t.shedLately = append(t.shedLately, count{string(budget), lately[firstBudget+i]})
	}
	l.Installs = []installView{}
	top, all := c.Recorder.installs.top(now)
	l.InstallsRefused = all
	for _, install := range top {
		l.Installs = append(l.Installs, installView{c.Pseudonyms.Of(install.install),
			install.atLeast})
	}
}

// storage returns the storage of grants, with its present outage.
func (c *Console) storage(v *view, standing standing) storageView {
	s := storageView{Kind: c.Storage, Shared: c.Storage.Shared()}
	if !s.Shared {
		return s
	}
	s.OnOutage = c.OnOutage.String()
	if began := standing.outage; began != nil {
		s.Outage = &outageView{began.at.wall.UTC().Truncate(time.Second), began.detail,
			began.at.steady.Until(v.instant)}
	}
	return s
}

// whatOf describes what a dimension limits.
func whatOf(dimension throttle.Dimension) string {
	switch dimension {
	case throttle.ByAddress:
		return "new sessions of an address"
	case throttle.ByNetwork:
		return "new sessions of a network"
	case throttle.ByInstall:
		return "new sessions of an installation"
	case throttle.ByRenewal:
		return "renewals of an installation"
	case throttle.ByRenewalAddress:
		return "renewals of an address"
	case throttle.ByProof: // no limit
	}
	return ""
}

// known returns a pointer to at in UTC, or nil for the zero Time.
func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// encode returns the view as JSON.
func encode(v *view) ([]byte, error) { return json.Marshal(v) }
