package redis

import (
	"context"
	_ "embed" // the scripts
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
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

// The scripts; the first ends with its fast path if it can. They are called by digest, and sent in
// full if the server does not know them: after a restart or SCRIPT FLUSH.
var (
	decideScript   = rueidis.NewLuaScript(shortText + ringText + decideText)
	takebackScript = rueidis.NewLuaScript(ringText + takebackText)
)

// verb is what the script does.
type verb string

const (
	// look returns the states of the checks and takes nothing.
	look verb = "look"
	// take takes a grant for each check, or for none.
	take verb = "take"
)

// clock is the clock that the script uses.
type clock struct {
	// name is the clock's name in decide.lua; empty for the server's own clock.
	name string
	// unit is the unit of its instants, windows and waits. Numbers in it stay below 2^53, up to
	// which a script computes exactly.
	unit time.Duration
	// life is how much longer than its window a key lives.
	life time.Duration
}

// serverClock is the server's own clock, in microseconds since 1970: below 2^53 until the year
// 2255. A key lives somewhat longer than its window, so that rounding its expiry to milliseconds
// cannot shorten the window.
var serverClock = clock{unit: time.Microsecond, life: time.Second}

// in returns d in the clock's unit, rounded up: a reported wait is never too short.
func (c clock) in(d time.Duration) int64 { return ceil(d, c.unit) }

func ceil(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

// key returns the key of the check's grants, by subject and window. Replicas that share a server
// must agree on it.
func (s *Storage) key(check throttle.Check) string {
	text := make([]byte, 0, 64) // on the stack
	text = append(text, s.prefix...)
	text = base64.RawURLEncoding.AppendEncode(text, check.Subject[:])
	text = append(text, ':')
	return string(strconv.AppendInt(text, ceil(check.Window, time.Microsecond), 36))
}

// judged is the state of one check before anything is taken, and the server's instant for it, which
// marks a grant.
type judged struct {
	state throttle.State
	mark  int64
}

// results are the results of checks, in their order.
type results struct {
	n  int
	of [throttle.MaxChecks]judged
}

// decision returns the decision on them.
func (j *results) decision() throttle.Decision {
	var states [throttle.MaxChecks]throttle.State
	for i := range j.n {
		states[i] = j.of[i].state
	}
	return throttle.Decide(states[:j.n]...)
}

// errAnswer is an answer that the script does not give: something else answers.
var errAnswer = errors.New("redis: not an answer of the script")

// judge calls the script for checks whose keys are on one server, with the given verb.
func (s *Storage) judge(ctx context.Context, client rueidis.Client, do verb, now throttle.Instant,
	checks ...throttle.Check) (results, error) {
	var keys [throttle.MaxChecks]string
	args := make([]string, 0, 1+3*throttle.MaxChecks+2)
	args = append(args, string(do))
	for i, check := range checks {
		keys[i] = s.key(check)
		args = append(args, strconv.Itoa(check.Limit), strconv.FormatInt(s.clock.in(check.Window), 10),
			strconv.FormatInt(ceil(check.Window+s.clock.life, time.Millisecond), 10))
	}
	if s.clock.name != "" {
		args = append(args, s.clock.name, strconv.FormatInt(int64(now), 10))
	}
	answer, err := decideScript.Exec(ctx, client, keys[:len(checks)], args).ToString()
	if err != nil {
		return results{}, err
	}
	return s.read(checks, answer)
}

// read parses the script's answer.
func (s *Storage) read(checks []throttle.Check, answer string) (results, error) {
	const each = 4 + 8 + 8
	all := results{n: len(checks)}
	if len(answer) != each*len(checks) {
		return results{}, errAnswer
	}
	for i, check := range checks {
		of := []byte(answer[each*i : each*(i+1)])
		counted, grows := binary.BigEndian.Uint32(of), binary.BigEndian.Uint64(of[4:])
		if uint64(counted) > uint64(check.Limit) || grows > uint64(s.clock.in(check.Window)) {
			return results{}, errAnswer
		}
		state := throttle.State{Check: check, Remaining: check.Limit - int(counted),
			ResetAfter: time.Duration(grows) * s.clock.unit}
		if state.Remaining == 0 {
			state.RetryAfter = state.ResetAfter
		}
		all.of[i] = judged{state: state, mark: int64(binary.BigEndian.Uint64(of[12:]))}
	}
	return all, nil
}

// takeBack takes back the grant of a check, which its mark identifies.
func (s *Storage) takeBack(ctx context.Context, client rueidis.Client, check throttle.Check,
	mark int64) error {
	return takebackScript.Exec(ctx, client, []string{s.key(check)},
		[]string{strconv.FormatInt(mark, 10)}).Error()
}
