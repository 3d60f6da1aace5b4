package redis

import (
	"context"
	_ "embed" // for the scripts
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/domain/throttle"
)

var (
	//go:embed short.lua
	shortText string
	//go:embed ring.lua
	ringText string
	//go:embed decide.lua
	decideText string
	//go:embed takeback.lua
	takebackText string
)

// The scripts. The first one returns within short.lua if it can. They are called by digest, and
// sent in full if the server does not know them: after a restart or SCRIPT FLUSH.
var (
	decideScript   = script(func() string { return shortText + ringText + decideText })
	takebackScript = script(func() string { return ringText + takebackText })
)

// script returns a function that returns a script. The script is made at the first call, so that a
// service without Redis does not make it.
func script(text func() string) func() *rueidis.Lua {
	return sync.OnceValue(func() *rueidis.Lua { return rueidis.NewLuaScript(text()) })
}

// verb is an operation of the script.
type verb string

// The verbs.
const (
	// inspect reads the state of the checks, and takes nothing.
	inspect verb = "inspect"
	// take takes a grant for each check, or for none.
	take verb = "take"
)

// clock is the clock by which the script decides.
type clock struct {
	// name is the name of the clock in decide.lua; empty for the server's.
	name string
	// unit is the unit of instants, windows and waits. Numbers in it stay below 2^53, up to which
	// the script calculates exactly.
	unit time.Duration
	// life is how much longer than its window a key lives.
	life time.Duration
}

// serverClock is the server's clock, in microseconds since 1970, which is below 2^53 until the year
// 2255. A key lives somewhat longer than its window, so that rounding its end to milliseconds
// cannot shorten the window.
var serverClock = clock{unit: time.Microsecond, life: time.Second}

// in converts d into the clock's unit, rounded up: a wait that is reported is never too short.
func (c clock) in(d time.Duration) int64 { return ceil(d, c.unit) }

// ceil returns d in units, rounded up.
func ceil(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

// isBare reports whether the grant of a check is stored as a key without a value, which takes least
// memory: that of a proof, which has only one grant. The key counts as long as the server keeps it,
// so this is possible with the server's clock only.
func (c clock) isBare(check throttle.Check) bool {
	return check.Dimension == throttle.ByProof && c.name == ""
}

// lifeOf returns how much longer than its window the key of a check lives. For a key without a
// value it is as little as possible, because the key counts until it expires.
func (c clock) lifeOf(check throttle.Check) time.Duration {
	if c.isBare(check) {
		return time.Millisecond // because the server rounds the current time down
	}
	return c.life
}

// key returns the key of a check's grants: by subject and window. Replicas that share a server must
// agree on it.
func (s *Storage) key(check throttle.Check) string {
	text := make([]byte, 0, 64) // stays on the stack
	text = append(text, s.prefix...)
	text = base64.RawURLEncoding.AppendEncode(text, check.Subject[:])
	text = append(text, ':')
	return string(strconv.AppendInt(text, ceil(check.Window, time.Microsecond), 36))
}

// finding is the state of one check before anything is taken, and the server's instant for it,
// which marks the grant.
type finding struct {
	state throttle.State
	mark  int64
}

// findings are the findings for several checks, in their order.
type findings struct {
	n  int
	of [throttle.MaxChecks]finding
}

// decision returns the decision on the states that were found.
func (j *findings) decision() throttle.Decision {
	var states [throttle.MaxChecks]throttle.State
	for i := range j.n {
		states[i] = j.of[i].state
	}
	return throttle.Decide(states[:j.n]...)
}

// errAnswer means that the reply cannot be one of the script.
var errAnswer = errors.New("redis: not a reply of the script")

// request is a decision for the script to make, and its findings.
type request struct {
	now    throttle.Instant
	n      int // the number of checks
	checks [throttle.MaxChecks]throttle.Check
	keys   [throttle.MaxChecks]string
	found  findings
}

// add adds a check, with the key of its grants in storage.
func (r *request) add(check throttle.Check, storage *Storage) {
	r.checks[r.n], r.keys[r.n] = check, storage.key(check)
	r.n++
}

// requestFor returns a request for one check.
func (s *Storage) requestFor(now throttle.Instant, check throttle.Check) *request {
	r := &request{now: now}
	r.add(check, s)
	return r
}

// limitTable lists the pairs of limit and window that occur in a call. For each check, the script
// gets the number of its pair as a byte, from firstPair.
type limitTable struct {
	of   [][2]int // limit and window
	args []string // of the script
}

const firstPair = 1

// byteOf returns the byte for the limit and the window of a check.
func (t *limitTable) byteOf(check throttle.Check, by clock) byte {
	own := [2]int{check.Limit, int(check.Window)}
	if by.isBare(check) {
		own[0] = 0
	}
	at := slices.Index(t.of, own)
	if at < 0 {
		at = len(t.of)
		t.of = append(t.of, own)
		t.args = append(t.args, strconv.Itoa(own[0]),
			strconv.FormatInt(by.in(check.Window), 10),
			strconv.FormatInt(ceil(check.Window+by.lifeOf(check), time.Millisecond), 10))
	}
	return firstPair + byte(at)
}

// runScript calls the script once for all requests, whose keys must lie on one server, with the
// verb do, and sets the findings of each.
func (s *Storage) runScript(ctx context.Context, client rueidis.Client, do verb,
	requests ...*request) error {
	var all limitTable
	keys := make([]string, 0, throttle.MaxChecks*len(requests))
	kinds := make([]byte, 0, throttle.MaxChecks*len(requests))
	sizes := make([]byte, 0, len(requests))
	var instants []string
	for _, r := range requests {
		for i := range r.n {
			kinds = append(kinds, all.byteOf(r.checks[i], s.clock))
		}
		keys = append(keys, r.keys[:r.n]...)
		sizes = append(sizes, byte(r.n))
		if s.clock.name != "" {
			instants = append(instants, strconv.FormatInt(int64(r.now), 10))
		}
	}
	args := slices.Concat([]string{string(do), s.clock.name, strconv.Itoa(len(all.of))}, all.args,
		[]string{string(kinds), string(sizes)}, instants)
	answer, err := decideScript().Exec(ctx, client, keys, args).ToString()
	if err != nil {
		return err
	}
	if len(answer) != answerLength*len(keys) {
		return errAnswer
	}
	for _, r := range requests {
		length := answerLength * r.n
		if r.found, err = s.read(r.checks[:r.n], answer[:length]); err != nil {
			return err
		}
		answer = answer[length:]
	}
	return nil
}

// answerLength is the length of the script's reply for one check, in bytes: the number of grants
// that count, the time until the reset, and the mark.
const answerLength = 4 + 8 + 8

// read parses the reply of the script.
func (s *Storage) read(checks []throttle.Check, answer string) (findings, error) {
	all := findings{n: len(checks)}
	if len(answer) != answerLength*len(checks) {
		return findings{}, errAnswer
	}
	for i, check := range checks {
		of := []byte(answer[answerLength*i : answerLength*(i+1)])
		counted, resetAfter := binary.BigEndian.Uint32(of), binary.BigEndian.Uint64(of[4:])
		if uint64(counted) > uint64(check.Limit) || resetAfter > uint64(s.clock.in(check.Window)) {
			return findings{}, errAnswer
		}
		state := throttle.State{Check: check, Remaining: check.Limit - int(counted),
			ResetAfter: time.Duration(resetAfter) * s.clock.unit}
		if state.Remaining == 0 {
			state.RetryAfter = state.ResetAfter
		}
		all.of[i] = finding{state: state, mark: int64(binary.BigEndian.Uint64(of[12:]))}
	}
	return all, nil
}

// takeBack takes back the grant of a check that has that mark. A key without a value needs none: it
// is the one grant that this caller took.
func (s *Storage) takeBack(ctx context.Context, client rueidis.Client, check throttle.Check,
	mark int64) error {
	if s.clock.isBare(check) {
		return client.Do(ctx, client.B().Del().Key(s.key(check)).Build()).Error()
	}
	return takebackScript().Exec(ctx, client, []string{s.key(check)},
		[]string{strconv.FormatInt(mark, 10)}).Error()
}
